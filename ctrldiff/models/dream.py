"""Dream (Ye et al. 2025, arXiv:2508.15487), Dream-Coder and DiffuCoder: a Qwen2 in which every token sees every other.

It scores the next position, as the causal model it was made from did.
"""

from __future__ import annotations

from ctrldiff.models.family import Family, published
from ctrldiff.models.transformers import causal

DREAM = Family(
    name="Dream",
    models="Dream-v0-7B, Dream-Coder-7B, DiffuCoder-7B",
    runs="Qwen2ForCausalLM",
    checked="layout only: tiny weights under the published names",
    architectures=("DreamModel", "DreamBaseModel"),
    model_types=("Dream", "dream"),
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {
        **published(config, mask_id=151666, stop_ids=(151643, 151645), bos_id=151665),
        "logit_shift": 1,
        "context": min(config.get("max_position_embeddings", 2048), 2048),  # what it was trained on
    },
    build=causal("qwen2"),
    padding="masked",
)
