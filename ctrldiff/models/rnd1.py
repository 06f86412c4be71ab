"""RND1 (Radical Numerics 2025): a Qwen3-MoE in which every token sees every other; it scores the next position."""

from __future__ import annotations

from ctrldiff.models.family import Family, published
from ctrldiff.models.transformers import causal

RND1 = Family(
    name="RND1",
    models="RND1-Base-0910 (30B-A3B)",
    runs="Qwen3MoeForCausalLM",
    checked="layout only: tiny weights under the published names",
    architectures=("RND1LM",),
    model_types=("rnd1",),
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {
        **published(config, mask_id=151669, stop_ids=(151643, 151645)),
        "logit_shift": 1,
    },
    build=causal("qwen3_moe", lambda config: {"norm_topk_prob": True, **config}),
    padding="masked",
)
