"""DiffuLLaMA and DiffuGPT (Gong et al. 2024, arXiv:2410.17891): a Llama or a GPT-2 that sees both ways.

The embedding and the head stand beside the network in these checkpoints, and the mask is an ordinary word: of
DiffuLLaMA 811, of DiffuGPT-s 10541 (DiffuGPT-m's tokenizer has one of its own), so the ids of free positions say
nothing of what is free. Their configs look like those of the causal models: name the family.
"""

from __future__ import annotations

from typing import Any

from ctrldiff.errors import ModelError
from ctrldiff.models.family import EQUAL, Config, Family, Source
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import TransformersNetwork, build_causal
from ctrldiff.models.weights import shapes
from ctrldiff.models.words import LLAMA, names

INSIDE = {"llama": "model.", "gpt2": "transformer."}  # what the causal models call what is `denoise_model.` here
EMBEDDING = {"llama": "model.embed_tokens.weight", "gpt2": "transformer.wte.weight"}
MASKS = {"llama": 811, "gpt2": 10541}


def _facts(config: Config) -> dict[str, Any]:
    kind = config.get("model_type")
    mask = MASKS.get(str(kind))  # where neither config nor tokenizer (DiffuGPT-m's) names one
    found = {"mask_id": mask} if mask is not None and mask < config.get("vocab_size", 0) else {}
    return {
        **found,
        "logit_shift": 1,
        "context": config.get("n_positions", config.get("max_position_embeddings", 1024)),
    }


def _build(source: Source, spec: ModelSpec) -> TransformersNetwork:
    kind = str(source.config.get("model_type"))
    if kind not in INSIDE:
        raise ModelError(f"model_type {kind!r} is no DiffuLLaMA", hint='"llama" or "gpt2"')

    def rename(name: str) -> str | None:
        if kind == "gpt2" and name.endswith((".attn.bias", ".attn.masked_bias")):
            return None  # the causal mask
        if name == "embed_tokens.weight":
            return EMBEDDING[kind]
        return name.replace("denoise_model.", INSIDE[kind], 1) if name.startswith("denoise_model.") else name

    # The embedding was padded when the mask was added; the config still says what the causal model had.
    shape = shapes(source.folder).get("embed_tokens.weight")
    rows = {} if shape is None else {"vocab_size": shape[0]}
    return build_causal(source, spec, kind, {**source.config, **rows}, rename)


DIFFULLAMA = Family(
    name="DiffuLLaMA",
    models="DiffuLLaMA-7B, DiffuGPT-s, DiffuGPT-m",
    runs="LlamaForCausalLM, GPT2LMHeadModel",
    checked=EQUAL,
    architectures=("DiscreteDiffusionModel",),
    facts=_facts,
    build=_build,
    padding="masked",
    reads=LLAMA
    | names(
        "n_positions n_ctx n_embd n_layer n_head n_inner activation_function layer_norm_epsilon",
        "scale_attn_weights scale_attn_by_inverse_layer_idx reorder_and_upcast_attn",
        "n_special predict_special_tokens",
        "summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj",
    ),
)
