"""Efficient-DLM (Fu et al. 2025, arXiv:2512.14067): a Qwen3 (4B, 8B) or Qwen2.5 (1.5B) that writes block after block.

The published names could not be seen. Those of the Nemotron-Labs models that followed (`encoder.`, `diffusion_head.`)
and Qwen's own are read; anything else is reported key by key.
"""

from __future__ import annotations

from ctrldiff.models.family import Family, blocks, published
from ctrldiff.models.transformers import causal


def rename(name: str) -> str:
    """A published key as Qwen calls it."""
    for theirs, ours in (("encoder.", "model."), ("diffusion_head.", "lm_head.")):
        if name.startswith(theirs):
            return ours + name.removeprefix(theirs)
    return name


EFFICIENT_DLM = Family(
    name="Efficient-DLM",
    models="Efficient-DLM-1.5B, Efficient-DLM-4B, Efficient-DLM-8B",
    runs="Qwen3ForCausalLM, Qwen2ForCausalLM",
    checked="layout only, and the published names are a guess: see docs/models.md",
    architectures=("EfficientDLM",),
    model_types=("edlm",),
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {
        **published(config, mask_id=151662, stop_ids=(151643, 151645)),
        **blocks(config.get("block_size") or config.get("block_length") or 32),
    },
    # Only Qwen3's configs say how wide a head is.
    build=causal(lambda config: "qwen3" if "head_dim" in config else "qwen2", rename=rename),
    padding="masked",
)
