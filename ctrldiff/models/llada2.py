"""LLaDA2.0 and 2.1 (Bie et al. 2025, arXiv:2512.15745): blocks of 32, a mixture of experts chosen by groups.

The network is GLM-4-MoE's under Bailing's names, with queries, keys and values in one matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from ctrldiff.models.family import EQUAL, Config, Family, Source, blocks, published
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import TransformersNetwork, build_causal
from ctrldiff.models.words import LLAMA, MIXTURE, PLAIN, names

NAMES = {
    "model.word_embeddings.": "model.embed_tokens.",
    ".attention.dense.": ".self_attn.o_proj.",
    ".attention.query_layernorm.": ".self_attn.q_norm.",
    ".attention.key_layernorm.": ".self_attn.k_norm.",
    ".mlp.gate.expert_bias": ".mlp.gate.e_score_correction_bias",
}


def rename(name: str) -> str:
    """A published key as GLM-4-MoE calls it."""
    for theirs, ours in NAMES.items():
        name = name.replace(theirs, ours)
    return name


def split(config: Config) -> Callable[[str, torch.Tensor], Mapping[str, torch.Tensor]]:
    """The one matrix of queries, keys and values as three."""
    heads, groups = config["num_attention_heads"], config["num_key_value_heads"]

    def one(name: str, tensor: torch.Tensor) -> Mapping[str, torch.Tensor]:
        if ".attention.query_key_value." not in name:
            return {name: tensor}
        size = tensor.shape[0] // (heads + 2 * groups)
        parts = tensor.split([heads * size, groups * size, groups * size])
        names = [name.replace("attention.query_key_value", f"self_attn.{part}_proj") for part in "qkv"]
        return dict(zip(names, parts, strict=True))

    return one


def _config(config: Config) -> dict[str, Any]:
    dropped = ("num_experts", "num_shared_experts", "rope_scaling", "sliding_window", "use_sliding_window")
    return {
        **{name: value for name, value in config.items() if name not in dropped},
        "n_routed_experts": config["num_experts"],
        "n_shared_experts": config.get("num_shared_experts", 0),
        "head_dim": config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"],
        "attention_bias": bool(config.get("use_qkv_bias")),
        "norm_topk_prob": config.get("num_experts_per_tok", 2) > 1,
    }


def _build(source: Source, spec: ModelSpec) -> TransformersNetwork:
    return build_causal(source, spec, "glm4_moe", _config(source.config), rename, split(source.config))


LLADA2 = Family(
    name="LLaDA2",
    models="LLaDA2.0-mini, LLaDA2.0-flash, LLaDA2.1-mini, LLaDA2.1-flash",
    runs="Glm4MoeForCausalLM",
    checked=EQUAL,
    architectures=("LLaDA2MoeModelLM",),
    model_types=("llada2_moe", "llada21_moe"),
    facts=lambda config: {
        **published(config, mask_id=156895, stop_ids=(156892,)),
        **blocks(config.get("block_length") or config.get("block_size"), 32),
        "edits": config.get("model_type") == "llada21_moe",
    },
    build=_build,
    padding="masked",
    reads=(LLAMA - {"rope_scaling", "mlp_bias"})
    | MIXTURE  # `norm_topk_prob` is not read by the published class, which norms the chosen
    | names(
        "num_shared_experts n_group topk_group first_k_dense_replace routed_scaling_factor partial_rotary_factor",
        "rotary_dim",  # the same, said twice
        "use_bias use_qkv_bias moe_shared_expert_intermediate_size",  # the weights would not fit
    ),
    only={
        **PLAIN,
        "score_function": ("sigmoid",),
        "norm_head": (False,),
        "use_qk_norm": (True,),
        "use_rmsnorm": (True,),
        "moe_router_enable_expert_bias": (True,),
        "norm_softmax": (False,),
        "num_nextn_predict_layers": (0,),
    },
)
