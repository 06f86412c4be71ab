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


def make_config(n_tokens: int, layers: int = 6, width: int = 192) -> ModernBertConfig:
    """Layer 0 sees four neighbours either side, all other layers everything."""
    return ModernBertConfig(
        vocab_size=-(-n_tokens // 64) * 64,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        hidden_activation="silu",
        max_position_embeddings=512,
        norm_eps=1e-5,
        layer_types=["sliding_attention"] + ["full_attention"] * (layers - 1),
        local_attention=8,
        rope_parameters={
            "sliding_attention": {"rope_type": "default", "rope_theta": 10.0},
            "full_attention": {"rope_type": "default", "rope_theta": 1e8},
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
            "context": CONTEXT,
            "round_to": 16,
            "canvas": 48,
            "prompt": "<bos>{text}<ask>{ask}<answer>",
        },
    )


def make_model(config: ModernBertConfig) -> ModernBertForMaskedLM:
    return ModernBertForMaskedLM._from_config(config, attn_implementation="eager")


class TrainingForward:
    """Logits at chosen rows of a batch of equally long sequences."""

    def __init__(self, model: ModernBertForMaskedLM, longest: int = CONTEXT):
        self.model, self.config = model, model.config
        self.heads = self.config.num_attention_heads
        self.size = self.config.hidden_size // self.heads
        self.turns = {
            kind: self._rotation(self.config.rope_parameters[kind]["rope_theta"], longest)
            for kind in ("sliding_attention", "full_attention")
        }
        places = torch.arange(longest)
        far = (places[:, None] - places[None, :]).abs() > self.config.local_attention // 2
        self.window = torch.zeros(longest, longest).masked_fill(far, float("-inf"))

    def _rotation(self, theta: float, longest: int) -> tuple[Tensor, Tensor]:
        """cos and sin, (longest, 1, D / 2), for positions."""
        speed = 1.0 / theta ** (torch.arange(0, self.size, 2, dtype=torch.float) / self.size)
        angle = torch.outer(torch.arange(longest, dtype=torch.float), speed)[:, None]
        return angle.cos(), angle.sin()

    def __call__(self, tokens: Tensor, rows: Tensor) -> Tensor:
        """(B, T) tokens and the flat indices of R rows of interest give (R, V) logits."""
        model, (batch, length) = self.model, tokens.shape
        bert = model.model
        hidden = bert.embeddings.norm(F.embedding(tokens, bert.embeddings.tok_embeddings.weight))
        last = len(bert.layers) - 1
        for place, layer in enumerate(bert.layers):
            if place < last:
                hidden = hidden + self._attend(layer, hidden)
                hidden = hidden + self._feed(layer.mlp, layer.mlp_norm(hidden))
        # In the last layer only the wanted rows matter as queries, and after it nothing else does.
        hidden = hidden.reshape(batch * length, -1)[rows] + self._attend(bert.layers[last], hidden, rows)
        hidden = hidden + self._feed(bert.layers[last].mlp, bert.layers[last].mlp_norm(hidden))
        return model.decoder(model.head(bert.final_norm(hidden)))

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
        mixed = attention(query, key, value, near)[0].reshape(batch * length, width)
        if rows is not None:
            return layer.attn.Wo(mixed[rows])
        return layer.attn.Wo(mixed).view(batch, length, width)


def _turned(heads: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """(B, T, H, D), each pair (i, i + D / 2) turned by its position's angle."""
    left, right = heads.chunk(2, -1)
    return torch.cat((left * cos - right * sin, right * cos + left * sin), -1).to(heads.dtype)
