"""LLaDA (Nie et al. 2025, arXiv:2502.09992) and LLaDA 1.5: a Llama under OLMo's names, every token sees every other."""

from __future__ import annotations

import re
from typing import Any

from ctrldiff.models.family import EQUAL, Config, Family, published
from ctrldiff.models.transformers import causal
from ctrldiff.models.words import names

BLOCK = re.compile(r"^model\.transformer\.blocks\.(\d+)\.(\w+)\.(weight|bias)$")
INSIDE = {
    "q_proj": "self_attn.q_proj",
    "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj",
    "attn_out": "self_attn.o_proj",
    "attn_norm": "input_layernorm",
    "ff_norm": "post_attention_layernorm",
    "ff_proj": "mlp.gate_proj",
    "up_proj": "mlp.up_proj",
    "ff_out": "mlp.down_proj",
}
OUTSIDE = {
    "model.transformer.wte.weight": "model.embed_tokens.weight",
    "model.transformer.ln_f.weight": "model.norm.weight",
    "model.transformer.ff_out.weight": "lm_head.weight",
}


def rename(name: str) -> str:
    """A published key as Llama calls it; keys that it does not have stay as they are, and are reported."""
    found = BLOCK.match(name)
    if found and found[2] in INSIDE:
        return f"model.layers.{found[1]}.{INSIDE[found[2]]}.{found[3]}"
    return OUTSIDE.get(name, name)


def _config(config: Config) -> dict[str, Any]:
    width = config["d_model"]
    return {
        "vocab_size": config.get("embedding_size") or config["vocab_size"],
        "hidden_size": width,
        "intermediate_size": config.get("mlp_hidden_size") or config.get("mlp_ratio", 4) * width,
        "num_hidden_layers": config["n_layers"],
        "num_attention_heads": config["n_heads"],
        "num_key_value_heads": config.get("n_kv_heads") or config["n_heads"],
        "max_position_embeddings": config.get("max_sequence_length", 4096),
        "rms_norm_eps": config.get("rms_norm_eps", 1e-5),
        "rope_theta": config.get("rope_theta", 10_000.0),
        "attention_bias": bool(config.get("include_qkv_bias") or config.get("include_bias")),
        "tie_word_embeddings": bool(config.get("weight_tying", False)),
    }


LLADA = Family(
    name="LLaDA",
    models="LLaDA-8B-Base, LLaDA-8B-Instruct, LLaDA-1.5",
    runs="LlamaForCausalLM",
    checked=EQUAL,
    architectures=("LLaDAModelLM",),
    model_types=("llada",),
    when=lambda config: "d_model" in config,  # LLaDA-MoE has the same model_type
    facts=lambda config: {
        **published(config, mask_id=126336, stop_ids=(126081, 126348), bos_id=126080),
        "context": config.get("max_sequence_length", 4096),
    },
    build=causal("llama", _config, rename),
    padding="masked",
    reads=names(
        "d_model n_heads n_kv_heads n_layers mlp_ratio mlp_hidden_size max_sequence_length rms_norm_eps rope_theta",
        "vocab_size embedding_size weight_tying include_bias include_qkv_bias",
        "rope_full_precision alibi_bias_max attention_layer_norm_with_affine",  # of what is off, or float32 here
    ),
    only={
        "block_type": ("llama",),
        "activation_type": ("silu",),
        "layer_norm_type": ("rms",),
        "rope": (True,),
        "layer_norm_with_affine": (True,),
        "block_group_size": (1,),
        **dict.fromkeys(
            ("alibi", "scale_logits", "attention_layer_norm", "input_emb_norm", "bias_for_layer_norm"), (False,)
        ),
        "multi_query_attention": (False,),
    },
)
