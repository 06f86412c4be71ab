"""Fast-dLLM v2 (Wu et al. 2025, arXiv:2509.26328): a Qwen2.5 that writes blocks of 32 and scores the next position.

The first token of a block is the one that the row before the block predicts, a row that sees nothing of the block.
"""

from __future__ import annotations

from ctrldiff.models.family import Family, blocks, published
from ctrldiff.models.transformers import causal

FAST_DLLM = Family(
    name="Fast-dLLM-v2",
    models="Fast_dLLM_v2_1.5B, Fast_dLLM_v2_7B",
    runs="Qwen2ForCausalLM",
    checked="layout only: tiny weights under the published names",
    architectures=("Fast_dLLM_QwenForCausalLM",),
    model_types=("Fast_dLLM_Qwen",),
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {
        **published(config, mask_id=151665, stop_ids=(151643, 151645)),
        "logit_shift": 1,
        "first_token_ar": True,
        **blocks(config.get("bd_size") or 32),
    },
    build=causal("qwen2"),
    padding="masked",
)
