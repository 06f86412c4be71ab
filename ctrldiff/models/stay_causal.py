"""Models that stay causal, as the language models that they were made of: I-DLM, WeDLM, Nemotron-Labs-Diffusion.

I-DLM: Yu et al. 2026, arXiv:2604.11035: strictly causal, rows of the next position. WeDLM: Liu et al. 2025,
arXiv:2512.22737: a Qwen3 whose loop moves written tokens to the front. Nemotron-Labs-Diffusion: NVIDIA 2026: a
Ministral 3 under names of its own, with blocks whose first token is the causal row's.
"""

from __future__ import annotations

from typing import Any

from ctrldiff.models.family import EQUAL, Family, encoder_rename, published
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import causal
from ctrldiff.models.words import LLAMA, PLAIN, names
from ctrldiff.models.written_first import Seen, active_block, written_first
from ctrldiff.protocols import Denoiser
from ctrldiff.tokens.vocabulary import Vocabulary

# The config is Qwen3's own: it is named by the caller.
I_DLM = Family(
    name="I-DLM",
    models="I-DLM-8B, I-DLM-32B",
    runs="Qwen3ForCausalLM",
    checked="layout only: tiny weights; from its README, its code was not at hand",
    facts=lambda config: {
        **published(config, mask_id=151669, stop_ids=(151643, 151645)),
        "logit_shift": 1,
        "attention": "block_causal",  # of one token, which is causal, with the exact cache of all such
        "block_length": 1,
        "cache": "prefix",
    },
    build=causal("qwen3"),
    padding="masked",
    reads=LLAMA,
    only=PLAIN,
)


def _wedlm(network: Any, spec: ModelSpec, vocabulary: Vocabulary, device: str) -> Denoiser:
    return Seen(network, spec, vocabulary, written_first, device)


WEDLM = Family(
    name="WeDLM",
    models="WeDLM-8B-Base, WeDLM-8B-Instruct",
    runs="Qwen3ForCausalLM",
    checked=EQUAL,
    architectures=("WeDLMForCausalLM",),
    model_types=("wedlm",),
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {
        **published(config, mask_id=151665, stop_ids=(151643, 151645)),
        "attention": "causal",
    },
    build=causal("qwen3"),
    padding="masked",
    drive=_wedlm,
    reads=LLAMA | names("wedlm_window_size wedlm_entropy_threshold wedlm_pos_penalty_factor"),  # of its loop
    only={**PLAIN, "qk_norm": (True,)},
)


def _nemotron(network: Any, spec: ModelSpec, vocabulary: Vocabulary, device: str) -> Denoiser:
    return Seen(network, spec, vocabulary, active_block(spec.block_length or 32), device)


NEMOTRON = Family(
    name="Nemotron-Labs-Diffusion",
    models="Nemotron-Labs-Diffusion-3B, Nemotron-Labs-Diffusion-8B, Nemotron-Labs-Diffusion-14B",
    runs="Ministral3ForCausalLM",
    checked="layout only: tiny weights; blocks as in two reimplementations, the published code was not at hand",
    architectures=("NemotronLabsDiffusionModel",),
    model_types=("nemotron_labs_diffusion",),
    facts=lambda config: {
        **published(config, mask_id=100),
        "attention": "causal",
        "block_length": config.get("block_size") or 32,
        "first_token_ar": True,
    },
    build=causal("ministral3", rename=encoder_rename),
    padding="masked",
    drive=_nemotron,
    reads=LLAMA
    | names(
        # Of its training alone.
        "ar_loss_weight dlm_loss_weight diff_loss_weight dp_varying_mask_ratio adaptive_mask_rate ada_dlm_loss_ratio",
        "ada_perm_ratio_global ada_perm_ratio_per_block multi_sampling prefix_ratio random_length_prob",
        "tok_mask_half_life_ratio num_skip_loss_tokens complementary_mask global_loss_avg",
    ),
    only={
        **PLAIN,
        "dlm_paradigm": ("bidirectional",),
        "dlm_type": ("llada",),
        "dlm_arch": ("encoder",),
        "num_ar_layers": (0,),
        "num_diffusion_layers": (0,),
    },
)
