"""LLaDA-MoE (Zhu et al. 2025, arXiv:2509.24389): a Qwen3-MoE in which every token sees every other."""

from __future__ import annotations

from typing import Any

from ctrldiff.errors import ModelError
from ctrldiff.models.family import Config, Family, published
from ctrldiff.models.transformers import causal


def _config(config: Config) -> dict[str, Any]:
    layers = config["num_hidden_layers"]
    mixtures = config.get("moe_layer_freq") or [1] * layers
    told = {
        "qk_layernorm": (config.get("qk_layernorm"), True),
        "clip_qkv": (config.get("clip_qkv"), None),
        "partial_rotary_factor": (config.get("partial_rotary_factor", 1), 1),
        "shared_expert_intermediate_size": (config.get("shared_expert_intermediate_size") or None, None),
        "moe_router_score_function": (config.get("moe_router_score_function") or "softmax", "softmax"),
    }
    other = [f"{name}={said!r}" for name, (said, ours) in told.items() if said != ours]
    if other:
        raise ModelError(f"a LLaDA-MoE of another kind: {', '.join(other)}", hint="drive it through from_callable")
    return {
        **{name: value for name, value in config.items() if name not in told},
        "intermediate_size": config.get("dense_intermediate_size"),
        "moe_intermediate_size": config["expert_intermediate_size"],
        "head_dim": config["hidden_size"] // config["num_attention_heads"],
        "norm_topk_prob": False,  # the published network leaves the shares of the chosen experts as they are
        "decoder_sparse_step": 1,
        "mlp_only_layers": [n for n in range(layers) if not mixtures[n]],
    }


LLADA_MOE = Family(
    name="LLaDA-MoE",
    models="LLaDA-MoE-7B-A1B-Base, LLaDA-MoE-7B-A1B-Instruct",
    runs="Qwen3MoeForCausalLM",
    checked="layout only: tiny weights under the published names",
    architectures=("LLaDAMoEModelLM", "LLaDAMoEModel"),
    model_types=("lladamoe", "llada"),
    when=lambda config: "num_experts" in config,
    facts=lambda config: published(config, mask_id=156895, stop_ids=(156892, 156900)),
    build=causal("qwen3_moe", _config),
    padding="masked",
)
