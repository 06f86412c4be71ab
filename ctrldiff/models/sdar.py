"""SDAR (Cheng et al. 2025, arXiv:2510.06303) and TraDo: a Qwen3, dense or a mixture, that writes block after block."""

from __future__ import annotations

from ctrldiff.models.family import Family, blocks, published
from ctrldiff.models.transformers import causal

SDAR = Family(
    name="SDAR",
    models="SDAR-1.7B/4B/8B-Chat, SDAR-30B-A3B, TraDo-4B/8B-Instruct",
    runs="Qwen3ForCausalLM, Qwen3MoeForCausalLM",
    checked="layout only: tiny weights under the published names",
    architectures=("SDARForCausalLM", "SDARMoeForCausalLM"),
    model_types=("sdar", "sdar_moe"),
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {
        **published(config, mask_id=151669, stop_ids=(151643, 151645)),
        **blocks(config.get("block_size") or config.get("block_length") or 4),
    },
    build=causal(lambda config: "qwen3_moe" if "num_experts" in config else "qwen3"),
    padding="masked",
)
