"""Causal models of transformers that were trained to see both ways: their config says so, or the caller does.

Among them dLLM's A2D models (Qwen3, Qwen2.5-Coder, Llama), whose classes differ from transformers' in the mask alone.
"""

from __future__ import annotations

from typing import Any

from ctrldiff.errors import ModelError
from ctrldiff.models.family import Config, Family, Source, blocks
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import TransformersNetwork, build_causal

KINDS = {"a2d-llama": "llama", "a2d-qwen2": "qwen2", "a2d-qwen3": "qwen3"}
NATIVE = ("llama", "qwen2", "qwen3", "qwen3_moe")


def _says_so(config: Config) -> bool:
    return config.get("model_type") in KINDS or config.get("is_causal") is False


def _facts(config: Config) -> dict[str, Any]:
    block = config.get("block_size")
    return blocks(block) if block else {}


def _build(source: Source, spec: ModelSpec) -> TransformersNetwork:
    kind = str(source.config.get("model_type"))
    kind = KINDS.get(kind, kind)
    if kind not in NATIVE:
        raise ModelError(f"model_type {kind!r} is none of {', '.join(NATIVE)}", hint="drive it through from_callable")
    return build_causal(source, spec, kind, source.config)


BIDIRECTIONAL = Family(
    name="Bidirectional",
    models="dLLM's A2D models; any Llama, Qwen2, Qwen3 whose config says is_causal: false",
    runs="LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM, Qwen3MoeForCausalLM",
    checked="layout only: tiny weights under the published names",
    architectures=("A2DLlamaLMHeadModel", "A2DQwen2LMHeadModel", "A2DQwen3LMHeadModel"),
    model_types=(*KINDS, *NATIVE),
    when=_says_so,
    facts=_facts,
    build=_build,
    padding="masked",
)
