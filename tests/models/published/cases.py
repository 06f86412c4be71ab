"""Every family's checkpoints as they are published, at toy size: their configs, and their names of the weights."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import torch

from tests.models.plain_others import Sizes as OtherSizes
from tests.models.plain_transformer import Sizes, blocks, everything
from tests.models.tiny_checkpoints import MASK, N_TOKENS, PAD, ROWS, STOP

Seeing: TypeAlias = Callable[[int, list[bool]], tuple[torch.Tensor, list[int]]]
QWEN = {
    "embed": "model.embed_tokens.weight",
    "norm": "model.norm.weight",
    "head": "lm_head.weight",
    "norm1": "model.layers.{n}.input_layernorm.weight",
    "norm2": "model.layers.{n}.post_attention_layernorm.weight",
    "q": "model.layers.{n}.self_attn.q_proj.weight",
    "k": "model.layers.{n}.self_attn.k_proj.weight",
    "v": "model.layers.{n}.self_attn.v_proj.weight",
    "o": "model.layers.{n}.self_attn.o_proj.weight",
    "q.bias": "model.layers.{n}.self_attn.q_proj.bias",
    "k.bias": "model.layers.{n}.self_attn.k_proj.bias",
    "v.bias": "model.layers.{n}.self_attn.v_proj.bias",
    "q_norm": "model.layers.{n}.self_attn.q_norm.weight",
    "k_norm": "model.layers.{n}.self_attn.k_norm.weight",
    "gate": "model.layers.{n}.mlp.gate_proj.weight",
    "up": "model.layers.{n}.mlp.up_proj.weight",
    "down": "model.layers.{n}.mlp.down_proj.weight",
    "router": "model.layers.{n}.mlp.gate.weight",
    "expert": "model.layers.{n}.mlp.experts.{e}.{part}_proj.weight",
}
LLADA = {
    "embed": "model.transformer.wte.weight",
    "norm": "model.transformer.ln_f.weight",
    "head": "model.transformer.ff_out.weight",
    "norm1": "model.transformer.blocks.{n}.attn_norm.weight",
    "norm2": "model.transformer.blocks.{n}.ff_norm.weight",
    "q": "model.transformer.blocks.{n}.q_proj.weight",
    "k": "model.transformer.blocks.{n}.k_proj.weight",
    "v": "model.transformer.blocks.{n}.v_proj.weight",
    "o": "model.transformer.blocks.{n}.attn_out.weight",
    "gate": "model.transformer.blocks.{n}.ff_proj.weight",
    "up": "model.transformer.blocks.{n}.up_proj.weight",
    "down": "model.transformer.blocks.{n}.ff_out.weight",
}
BAILING = {
    "embed": "model.word_embeddings.weight",
    "norm": "model.norm.weight",
    "head": "lm_head.weight",
    "norm1": "model.layers.{n}.input_layernorm.weight",
    "norm2": "model.layers.{n}.post_attention_layernorm.weight",
    "qkv": "model.layers.{n}.attention.query_key_value.weight",
    "o": "model.layers.{n}.attention.dense.weight",
    "q_norm": "model.layers.{n}.attention.query_layernorm.weight",
    "k_norm": "model.layers.{n}.attention.key_layernorm.weight",
    "gate": "model.layers.{n}.mlp.gate_proj.weight",
    "up": "model.layers.{n}.mlp.up_proj.weight",
    "down": "model.layers.{n}.mlp.down_proj.weight",
    "router": "model.layers.{n}.mlp.gate.weight",
    "router.bias": "model.layers.{n}.mlp.gate.expert_bias",
    "expert": "model.layers.{n}.mlp.experts.{e}.{part}_proj.weight",
    "shared": "model.layers.{n}.mlp.shared_experts.{part}_proj.weight",
}
LIT = {
    "embed": "transformer.wte.weight",
    "norm": "transformer.ln_f.weight",
    "head": "lm_head.weight",
    "norm1": "transformer.h.{n}.norm_1.weight",
    "norm2": "transformer.h.{n}.norm_2.weight",
    "groups": "transformer.h.{n}.attn.attn.weight",
    "o": "transformer.h.{n}.attn.proj.weight",
    "gate": "transformer.h.{n}.mlp.swiglu.w1.weight",
    "up": "transformer.h.{n}.mlp.swiglu.w2.weight",
    "down": "transformer.h.{n}.mlp.swiglu.w3.weight",
}
BESIDE = {  # DiffuLLaMA: embedding and head stand beside the network
    ours: name.replace("model.", "denoise_model.", 1) for ours, name in QWEN.items()
} | {"embed": "embed_tokens.weight", "head": "lm_head.weight"}
ENCODER = {ours: name.replace("model.", "encoder.", 1) for ours, name in QWEN.items()} | {
    "head": "diffusion_head.weight"
}


def qwen_config(s: Sizes, **more: Any) -> dict[str, Any]:
    """What the config of a Qwen-like checkpoint says, in Qwen's words."""
    return {
        "vocab_size": s.rows,
        "hidden_size": s.width,
        "intermediate_size": s.hidden,
        "num_hidden_layers": s.layers,
        "num_attention_heads": s.heads,
        "num_key_value_heads": s.groups,
        "head_dim": s.head,
        "max_position_embeddings": 64,
        "rms_norm_eps": s.eps,
        "rope_theta": s.base,
        "hidden_act": "silu",
        "tie_word_embeddings": s.tied,
        "torch_dtype": "bfloat16",
        **more,
    }


GPT2_SIZES = OtherSizes()
GPT2 = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "vocab_size": N_TOKENS,  # as published: the embedding was padded, the config was not
    "n_positions": GPT2_SIZES.positions,
    "n_embd": GPT2_SIZES.width,
    "n_layer": GPT2_SIZES.layers,
    "n_head": GPT2_SIZES.heads,
    "n_inner": GPT2_SIZES.hidden,
    "layer_norm_epsilon": GPT2_SIZES.eps,
    "activation_function": "gelu_new",
    "bos_token_id": STOP,
    "eos_token_id": STOP,
}


@dataclass(frozen=True)
class Case:
    """A family's tiny checkpoint: sizes, published names, published config, and what it is to do."""

    family: str
    sizes: Sizes
    names: dict[str, str]
    config: dict[str, Any]
    shift: int = 0
    block: int | None = None
    spec: dict[str, Any] = field(default_factory=dict)  # what a user would have to say
    variant: str = ""
    seeing: Seeing | None = None  # where it depends on what is written

    def __str__(self) -> str:
        return self.family + self.variant

    def published(self, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if "groups" in self.names:
            return self._by_groups(weights)
        if "qkv" not in self.names:
            return {self._name(ours): tensor for ours, tensor in weights.items()}
        one = {name: tensor for name, tensor in weights.items() if name.split(".", 1)[-1] not in ("q", "k", "v")}
        for n in range(self.sizes.layers):
            one[f"{n}.qkv"] = torch.cat([weights[f"{n}.{part}"] for part in "qkv"])
        return {self._name(ours): tensor for ours, tensor in one.items()}

    def _by_groups(self, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """SMDM's: the queries of a group, its key and its value side by side; no row of the head for the mask."""
        s, one = self.sizes, {name: part for name, part in weights.items() if name.split(".", 1)[-1] not in "qkv"}
        weights["head"][-1] = 0
        one["head"] = weights["head"][:-1]
        for n in range(s.layers):
            q, k, v = (weights[f"{n}.{part}"].view(s.groups, -1, s.width) for part in "qkv")
            one[f"{n}.groups"] = torch.cat([q, k, v], dim=1).reshape(-1, s.width)
        return {self._name(ours): tensor for ours, tensor in one.items()}

    def _name(self, ours: str) -> str:
        if ours in self.names:
            return self.names[ours]
        n, part = ours.split(".", 1)
        if part.startswith("expert."):
            _, e, which = part.split(".")
            return self.names["expert"].format(n=n, e=e, part=which)
        if part.startswith("shared."):
            return self.names["shared"].format(n=n, part=part.split(".")[1])
        return self.names[part].format(n=n)

    def sees(self, length: int) -> torch.Tensor:
        return everything(length) if self.block is None else blocks(length, self.block)


def written_come_first(prompt: int, is_open: list[bool]) -> tuple[torch.Tensor, list[int]]:
    """WeDLM: what each position sees, and the row of each; by the order in which its loop puts the tokens."""
    n = len(is_open)
    order = [i for i in range(n) if not is_open[i]] + [i for i in range(n) if is_open[i]]
    return torch.tensor([[order.index(j) <= order.index(i) for j in range(n)] for i in range(n)]), list(range(n))


def blocks_of_four(prompt: int, is_open: list[bool]) -> tuple[torch.Tensor, list[int]]:
    """Nemotron-Labs-Diffusion in blocks of 4, counted from the prompt's end: causal before the active one."""
    n = len(is_open)
    first = is_open.index(True)
    begin = prompt + (first - prompt) // 4 * 4

    def sees(i: int, j: int) -> bool:
        return j <= i or (i >= begin and j >= begin and (j - begin) // 4 <= (i - begin) // 4)

    return torch.tensor([[sees(i, j) for j in range(n)] for i in range(n)]), [i - (i == begin) for i in range(n)]


def cases() -> list[Case]:
    llada = Sizes(head=6, groups=4, base=500_000.0)
    dream = Sizes(head=6, qkv_bias=True, eps=1e-6, base=1e6)
    qwen3 = Sizes(head_norms=True, eps=1e-6, base=1e6)
    tied = replace(dream, tied=True)
    mixture = replace(qwen3, experts=4, top=2)
    llada_moe = Sizes(head=6, groups=4, head_norms=True, base=50_000.0, experts=4, top=2, normalised=False)
    llada2 = Sizes(
        head_norms=True,
        base=600_000.0,
        rotary=0.5,
        experts=8,
        top=2,
        shared=1,
        first_dense=1,
        router="sigmoid",
        expert_groups=4,
        top_groups=2,
        scale=2.5,
        eps=1e-6,
    )
    illada = Sizes(head=6, tied=True, base=500_000.0)
    ministral = Sizes(base=1e6, yarn=(16.0, 8, 32.0, 1.0), query_scale=(0.1, 8))
    yarn = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 16.0, "original_max_position_embeddings": 8}
    yarn |= {"beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1}
    lit = Sizes(head=6)
    stop = {"eos_token_id": STOP, "pad_token_id": PAD}
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16, "decoder_sparse_step": 1}
    experts |= {"mlp_only_layers": [], "norm_topk_prob": True}
    return [
        Case(
            "LLaDA",
            llada,
            LLADA,
            {
                "architectures": ["LLaDAModelLM"],
                "auto_map": {"AutoModelForCausalLM": "modeling_llada.LLaDAModelLM"},
                "model_type": "llada",
                "activation_type": "silu",
                "block_type": "llama",
                "d_model": llada.width,
                "embedding_size": ROWS,
                "include_bias": False,
                "include_qkv_bias": False,
                "layer_norm_type": "rms",
                "mask_token_id": MASK,
                "max_sequence_length": 64,
                "mlp_hidden_size": llada.hidden,
                "mlp_ratio": 4,
                "n_heads": llada.heads,
                "n_kv_heads": llada.groups,
                "n_layers": llada.layers,
                "eos_token_id": STOP,
                "pad_token_id": STOP,
                "rms_norm_eps": llada.eps,
                "rope": True,
                "rope_theta": llada.base,
                "vocab_size": N_TOKENS,
                "weight_tying": False,
            },
        ),
        Case(
            "Dream",
            dream,
            QWEN,
            qwen_config(
                dream,
                architectures=["DreamModel"],
                auto_map={"AutoModel": "modeling_dream.DreamModel"},
                model_type="Dream",
                mask_token_id=MASK,
                eos_token_id=STOP,
                bos_token_id=STOP,
                pad_token_id=STOP,
                attention_dropout=0.0,
                use_sliding_window=False,
            ),
            shift=1,
        ),
        Case(
            "LLaDA-MoE",
            llada_moe,
            QWEN,
            {
                name: value
                for name, value in qwen_config(
                    llada_moe,
                    architectures=["LLaDAMoEModelLM"],
                    model_type="llada",
                    mask_token_id=MASK,
                    dense_intermediate_size=llada_moe.hidden,
                    expert_intermediate_size=llada_moe.expert_hidden,
                    shared_expert_intermediate_size=None,
                    num_experts=4,
                    num_experts_per_tok=2,
                    norm_topk_prob=None,
                    moe_layer_freq=[1, 1],
                    moe_router_score_function="softmax",
                    qk_layernorm=True,
                    clip_qkv=None,
                    partial_rotary_factor=1,
                    **stop,
                ).items()
                if name not in ("head_dim", "intermediate_size")
            },
        ),
        Case(
            "LLaDA2",
            llada2,
            BAILING,
            qwen_config(
                llada2,
                architectures=["LLaDA2MoeModelLM"],
                auto_map={"AutoModelForCausalLM": "modeling_llada2_moe.LLaDA2MoeModelLM"},
                model_type="llada2_moe",
                num_experts=8,
                num_shared_experts=1,
                num_experts_per_tok=2,
                n_group=4,
                topk_group=2,
                moe_intermediate_size=llada2.expert_hidden,
                first_k_dense_replace=1,
                routed_scaling_factor=2.5,
                partial_rotary_factor=0.5,
                score_function="sigmoid",
                use_bias=False,
                use_qkv_bias=False,
                use_qk_norm=True,
                rope_scaling=None,
                mask_token_id=MASK,
                block_length=4,
                **stop,
            ),
            block=4,
        ),
        Case(
            "SDAR",
            qwen3,
            QWEN,
            qwen_config(
                qwen3,
                architectures=["SDARForCausalLM"],
                auto_map={"AutoModelForCausalLM": "modeling_sdar.SDARForCausalLM"},
                model_type="sdar",
                mask_token_id=MASK,
                fuse_cross_entropy=True,
                block_size=4,
                **stop,
            ),
            block=4,
        ),
        Case(
            "SDAR",
            mixture,
            QWEN,
            qwen_config(
                mixture,
                architectures=["SDARMoeForCausalLM"],
                model_type="sdar_moe",
                mask_token_id=MASK,
                block_size=3,
                **experts,
                **stop,
            ),
            block=3,
            variant="-MoE",
        ),
        Case(
            "RND1",
            mixture,
            QWEN,
            qwen_config(
                mixture,
                architectures=["RND1LM"],
                model_type="rnd1",
                mask_token_id=MASK,
                rope_scaling=False,
                sliding_window=False,
                **experts,
                **stop,
            ),
            shift=1,
        ),
        Case(
            "Fast-dLLM-v2",
            tied,
            QWEN,
            qwen_config(
                tied,
                architectures=["Fast_dLLM_QwenForCausalLM"],
                auto_map={"AutoModelForCausalLM": "modeling.Fast_dLLM_QwenForCausalLM"},
                model_type="Fast_dLLM_Qwen",
                bd_size=4,
                **stop,
            ),
            shift=1,
            block=4,
            spec={"mask_id": MASK},
        ),
        Case(
            "iLLaDA",
            illada,
            QWEN,
            {
                name: value
                for name, value in qwen_config(
                    illada, architectures=["ILLaDAForCausalLM"], model_type="illada", mask_token_id=MASK, **stop
                ).items()
                if name != "head_dim"
            },
        ),
        Case(
            "Stable-DiffCoder",
            llada,
            QWEN,
            qwen_config(
                llada,
                architectures=["StableDiffcoderForCausalLM"],
                model_type="llama",
                mask_token_id=MASK,
                **stop,
            ),
            block=4,
        ),
        Case(
            "Open-dCoder",
            tied,
            QWEN,
            qwen_config(tied, architectures=["Qwen2ForCausalLM"], model_type="qwen2", mask_token_id=MASK, **stop),
            shift=1,
            spec={"family": "Open-dCoder"},
        ),
        Case(
            "I-DLM",
            qwen3,
            QWEN,
            qwen_config(qwen3, architectures=["Qwen3ForCausalLM"], model_type="qwen3", mask_token_id=MASK, **stop),
            shift=1,
            block=1,
            spec={"family": "I-DLM"},
        ),
        Case(
            "WeDLM",
            qwen3,
            QWEN,
            qwen_config(
                qwen3,
                architectures=["WeDLMForCausalLM"],
                model_type="wedlm",
                mask_token_id=MASK,
                attention_bias=False,
                qk_norm=True,
                **stop,
            ),
            seeing=written_come_first,
        ),
        Case(
            "Nemotron-Labs-Diffusion",
            ministral,
            ENCODER,
            {
                **qwen_config(
                    ministral,
                    architectures=["NemotronLabsDiffusionModel"],
                    model_type="nemotron_labs_diffusion",
                    mask_token_id=MASK,
                    block_size=4,
                    dlm_paradigm="bidirectional",
                    rope_parameters=yarn,
                    **stop,
                ),
                "rope_theta": None,
            },
            seeing=blocks_of_four,
        ),
        Case(
            "SMDM",
            lit,
            LIT,
            {
                "architectures": ["TransEncoder"],
                "n_layer": lit.layers,
                "n_head": lit.heads,
                "n_embd": lit.width,
                "n_query_groups": lit.groups,
                "intermediate_size": lit.hidden,
                "block_size": 64,
                "padded_vocab_size": ROWS - 1,
                "rotary_percentage": 1.0,
                "_norm_class": "FusedRMSNorm",
                "_mlp_class": "LLaMAMLP",
                "mask_token_id": MASK,
                **stop,
            },
        ),
        Case(
            "Efficient-DLM",
            qwen3,
            ENCODER,
            qwen_config(
                qwen3, architectures=["EfficientDLM"], model_type="edlm", block_size=4, mask_token_id=MASK, **stop
            ),
            block=4,
        ),
        Case(
            "DiffuLLaMA",
            llada,
            BESIDE,
            qwen_config(llada, architectures=["LlamaForCausalLM"], model_type="llama", **stop),
            shift=1,
            spec={"family": "DiffuLLaMA", "mask_id": MASK},
        ),
        Case(
            "Bidirectional",
            qwen3,
            QWEN,
            qwen_config(
                qwen3,
                architectures=["A2DQwen3LMHeadModel"],
                model_type="a2d-qwen3",
                **stop,
            ),
            spec={"mask_id": MASK},
        ),
    ]


PROMPT, LENGTH = [72, 105, 33, 10, 65], 6
