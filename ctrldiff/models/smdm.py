"""SMDM (Nie et al. 2024, arXiv:2410.18514): a Llama under lit-gpt's names, every token sees every other.

Its repository holds safetensors alone. A folder needs a `config.json` in lit-gpt's words (`n_layer`, `n_head`,
`n_embd`, `n_query_groups`, `intermediate_size`, `block_size`, `norm_eps`, `padded_vocab_size`) and TinyLlama's
tokenizer, behind whose 32,000 words the mask comes: the embedding has a row for it, the head has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch

from ctrldiff.models.family import EQUAL, Config, Family, Source
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import TransformersNetwork, build_causal
from ctrldiff.models.words import names

BLOCK = re.compile(r"^transformer\.h\.(\d+)\.(.+)$")
INSIDE = {
    "norm_1.weight": "input_layernorm.weight",
    "norm_2.weight": "post_attention_layernorm.weight",
    "attn.attn.weight": "self_attn.qkv.weight",
    "attn.proj.weight": "self_attn.o_proj.weight",
    "mlp.swiglu.w1.weight": "mlp.gate_proj.weight",
    "mlp.swiglu.w2.weight": "mlp.up_proj.weight",
    "mlp.swiglu.w3.weight": "mlp.down_proj.weight",
}
OUTSIDE = {"transformer.wte.weight": "model.embed_tokens.weight", "transformer.ln_f.weight": "model.norm.weight"}


def rename(name: str) -> str:
    """A published key as Llama calls it; keys that it does not have stay as they are, and are reported."""
    found = BLOCK.match(name)
    if found and found[2] in INSIDE:
        return f"model.layers.{found[1]}.{INSIDE[found[2]]}"
    return OUTSIDE.get(name, name)


def _groups(config: Config) -> int:
    return int(config.get("n_query_groups") or config["n_head"])


def _words(config: Config) -> int:
    """Rows of the head; the embedding has one more."""
    return int(config.get("padded_vocab_size") or config.get("vocab_size") or 32_000)


def split(config: Config) -> Callable[[str, torch.Tensor], Mapping[str, torch.Tensor]]:
    """Queries, keys and values stand group by group in one matrix; and a head without a row for the mask gets one of
    zeros, which is never written."""
    groups, rows = _groups(config), _words(config)
    each = config["n_head"] // groups

    def one(name: str, tensor: torch.Tensor) -> Mapping[str, torch.Tensor]:
        if name == "lm_head.weight" and tensor.shape[0] == rows:
            return {name: torch.cat([tensor, tensor.new_zeros((1, tensor.shape[1]))])}
        if ".qkv." not in name:
            return {name: tensor}
        width = tensor.shape[1]
        parts = tensor.view(groups, each + 2, -1, width).split([each, 1, 1], dim=1)
        return {
            name.replace(".qkv.", f".{part}_proj."): own.reshape(-1, width).contiguous()
            for part, own in zip("qkv", parts, strict=True)
        }

    return one


def _build(source: Source, spec: ModelSpec) -> TransformersNetwork:
    config = source.config
    told: dict[str, Any] = {
        "vocab_size": _words(config) + 1,
        "hidden_size": config["n_embd"],
        "intermediate_size": config["intermediate_size"],
        "num_hidden_layers": config["n_layer"],
        "num_attention_heads": config["n_head"],
        "num_key_value_heads": _groups(config),
        "max_position_embeddings": config.get("block_size", 2048),
        "rms_norm_eps": config.get("norm_eps", 1e-5),
        "rope_theta": 10_000.0,
        "tie_word_embeddings": False,
    }
    return build_causal(source, spec, "llama", told, rename, split(config))


SMDM = Family(
    name="SMDM",
    models="nieshen/SMDM: MDMs of 6M to 1,028M",
    runs="LlamaForCausalLM",
    checked=EQUAL,
    architectures=("TransEncoder",),
    model_types=("smdm",),
    keys=("n_embd", "n_query_groups", "padded_vocab_size"),
    facts=lambda config: {
        "mask_id": _words(config),
        "stop_ids": (2,),
        "context": config.get("block_size", 2048),
        "hidden_prompts": True,  # pretraining masks every part of a text: the paper's "unsupervised" guidance
    },
    build=_build,
    padding="masked",
    reads=names(
        "n_layer n_head n_embd n_query_groups intermediate_size block_size norm_eps vocab_size padded_vocab_size",
        "padding_multiple org name",
    ),
    only={
        "rotary_percentage": (1, 1.0),
        "parallel_residual": (False,),
        "shared_attention_norm": (False,),
        "bias": (False,),
        "condense_ratio": (1,),
        "_norm_class": ("RMSNorm", "FusedRMSNorm"),
        "_mlp_class": ("LLaMAMLP",),
    },
)
