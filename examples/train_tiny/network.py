"""The network: a small ModernBERT, with its own compact forward pass for training.

The weights live in transformers' own module, so saving and loading need nothing of ours; `TrainingForward` computes
the same logits (a test compares them) but only at the wanted rows, without padding or masks, and with fused RoPE.
"""

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import ModernBertConfig, ModernBertForMaskedLM

from examples.train_tiny.attention import attention
from examples.train_tiny.tokenizer import BOS, EOS, MASK, PAD

CONTEXT = 320
BANNED = [0, 1, 3, 4, 5]  # specials that no answer holds


def make_config(
    n_tokens: int,
    layers: int = 6,
    width: int = 192,
    context: int = CONTEXT,
    base: float = 1e8,
    ask: str = "keys",
    hidden_prompts: bool = False,
    rooms: bool = False,
) -> ModernBertConfig:
    """Layer 0 sees four neighbours either side, all other layers everything.

    context: most tokens of prompt and answer. base: of the rotary angles of the layers that see everything; its slowest
    angles must stay small over the context, for the constructed start matches by them. ask, hidden_prompts, rooms: as
    of `ModelSpec`.
    """
    return ModernBertConfig(
        vocab_size=-(-n_tokens // 64) * 64,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        hidden_activation="silu",
        max_position_embeddings=max(512, context),
        norm_eps=1e-5,
        layer_types=["sliding_attention"] + ["full_attention"] * (layers - 1),
        local_attention=8,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10.0},
            "full_attention": {"rope_type": "default", "rope_theta": base},
        },
        attention_bias=True,
        mlp_bias=False,
        decoder_bias=True,
        classifier_activation="linear",
        tie_word_embeddings=True,
        pad_token_id=PAD,
        eos_token_id=EOS,
        bos_token_id=BOS,
        cls_token_id=BOS,
        sep_token_id=EOS,
        mask_token_id=MASK,
        ctrldiff={
            "noise": "mask",
            "mask_id": MASK,
            "stop_ids": [EOS],
            "pad_id": PAD,
            "bos_id": BOS,
            "banned_ids": BANNED,
            "n_tokens": n_tokens,
            "logit_shift": 0,
            "context": context,
            "ask": ask,
            "round_to": 16,
            "canvas": 48,
            "prompt": "<bos>{text}<ask>{ask}<answer>",
            **({"hidden_prompts": True} if hidden_prompts else {}),
            **({"rooms": True} if rooms else {}),
        },
    )


def make_model(config: ModernBertConfig) -> ModernBertForMaskedLM:
    return ModernBertForMaskedLM._from_config(config, attn_implementation="eager")


class TrainingForward:
    """Logits at chosen rows of a batch of equally long sequences.

    pointer: (layer, head) of which `pointers` gives the scores, for a loss on where an answer is copied from.
    """

    def __init__(self, model: ModernBertForMaskedLM, longest: int = CONTEXT, pointer: tuple[int, int] = (0, 0)):
        self.model, self.config, self.pointer = model, model.config, pointer
        self.heads = self.config.num_attention_heads
        self.size = self.config.hidden_size // self.heads
        self.turns = {
            kind: self._rotation(self.config.rope_parameters[kind]["rope_theta"], longest)
            for kind in ("sliding_attention", "full_attention")
        }
        places = torch.arange(longest, device=model.device)
        far = (places[:, None] - places[None, :]).abs() > self.config.local_attention // 2
        self.window = torch.zeros(longest, longest, device=model.device).masked_fill(far, float("-inf"))

    def _rotation(self, theta: float, longest: int) -> tuple[Tensor, Tensor]:
        """cos and sin, (longest, 1, D / 2), for positions."""
        speed = 1.0 / theta ** (torch.arange(0, self.size, 2, dtype=torch.float) / self.size)
        angle = torch.outer(torch.arange(longest, dtype=torch.float), speed)[:, None].to(self.model.device)
        return angle.cos(), angle.sin()

    def __call__(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """(B, T) tokens and the flat indices of R rows of interest give (R, V) logits."""
        return self.with_pointers(tokens, rows, None)[0]

    def with_pointers(self, tokens: Tensor, rows: Tensor, pointing: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The logits, and for P flat rows that point the (P, T) attention scores of the pointer head."""
        model, (batch, length) = self.model, tokens.shape
        scores = None
        bert = model.model
        hidden = bert.embeddings.norm(F.embedding(tokens, bert.embeddings.tok_embeddings.weight))
        last = len(bert.layers) - 1
        for place, layer in enumerate(bert.layers):
            if pointing is not None and place == self.pointer[0]:
                scores = self._point(layer, hidden, pointing)
            if place < last:
                hidden = hidden + self._attend(layer, hidden)
                hidden = hidden + self._feed(layer.mlp, layer.mlp_norm(hidden))
        # In the last layer only the wanted rows matter as queries, and after it nothing else does.
        hidden = hidden.reshape(batch * length, -1)[rows] + self._attend(bert.layers[last], hidden, rows)
        hidden = hidden + self._feed(bert.layers[last].mlp, bert.layers[last].mlp_norm(hidden))
        return model.decoder(model.head(bert.final_norm(hidden))), scores

    def _point(self, layer, hidden: Tensor, pointing: Tensor) -> Tensor:
        """(P, T) scores of one head at the rows that point."""
        (batch, length, width), head = hidden.shape, self.pointer[1]
        normed, size = layer.attn_norm(hidden), self.size
        query, key = (
            F.linear(normed, layer.attn.Wqkv.weight[rows], layer.attn.Wqkv.bias[rows])[:, :, None]
            for rows in (slice(start, start + size) for start in (head * size, width + head * size))
        )
        cos, sin = (part[:length] for part in self.turns[layer.attention_type])
        query, key = _turned(query * size**-0.5, cos, sin)[:, :, 0], _turned(key, cos, sin)[:, :, 0]
        return (query @ key.mT).reshape(batch * length, length)[pointing]

    def _feed(self, mlp, hidden: Tensor) -> Tensor:
        content, gate = mlp.Wi(hidden).chunk(2, -1)
        return mlp.Wo(F.silu(content) * gate)

    def _attend(self, layer, hidden: Tensor, rows: Tensor | None = None) -> Tensor:
        batch, length, width = hidden.shape
        cos, sin = (part[:length] for part in self.turns[layer.attention_type])
        qkv = layer.attn.Wqkv(layer.attn_norm(hidden)).view(batch, length, 3, self.heads, self.size)
        query, key, value = qkv.unbind(2)
        query, key = _turned(query * self.size**-0.5, cos, sin), _turned(key, cos, sin)
        near = self.window[:length, :length] if layer.attention_type == "sliding_attention" else None
        if hidden.is_cuda:
            query, key, value = (part.transpose(1, 2) for part in (query, key, value))
            bias = None if near is None else near.to(query.dtype)
            mixed = F.scaled_dot_product_attention(query, key, value, bias, scale=1.0).transpose(1, 2)
        else:
            mixed = attention(query, key, value, near)[0]
        mixed = mixed.reshape(batch * length, width)
        if rows is not None:
            return layer.attn.Wo(mixed[rows])
        return layer.attn.Wo(mixed).view(batch, length, width)


def _turned(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(B, T, H, D), each pair (i, i + D / 2) turned by its position's angle."""
    left, right = heads.chunk(2, -1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), -1).to(heads.dtype)
