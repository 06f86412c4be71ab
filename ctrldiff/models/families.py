"""The families that are data: a network of transformers, read without its causal mask, and what to know of its tokens.

Dream, DiffuCoder: Ye et al. 2025, arXiv:2508.15487. SDAR, TraDo: Cheng et al. 2025, arXiv:2510.06303. Fast-dLLM v2: Wu
et al. 2025, arXiv:2509.26328. Efficient-DLM: Fu et al. 2025, arXiv:2512.14067. LLaDA-MoE: Zhu et al. 2025,
arXiv:2509.24389. RND1: Radical Numerics 2025. Open-dCoder: Peng et al. 2025. iLLaDA: 2026, from its modelling code.
Stable-DiffCoder: ByteDance Seed 2026. Families that need a page: `llada.py`, `llada2.py`, `diffullama.py`, `smdm.py`,
`stay_causal.py`, `diffusion_gemma.py`.
"""

from __future__ import annotations

from typing import Any

from ctrldiff.errors import ModelError
from ctrldiff.models.family import EQUAL, LAYOUT, Config, Family, Source, blocks, encoder_rename, published
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import TransformersNetwork, build_causal, build_masked, causal
from ctrldiff.models.words import LLAMA, MIXTURE, PLAIN, names

# ---- a dense Qwen

# It scores the next position, as the causal model it was made from did.
DREAM = Family(
    name="Dream",
    models="Dream-v0-7B, Dream-Coder-7B, DiffuCoder-7B",
    runs="Qwen2ForCausalLM",
    checked=EQUAL,
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
    reads=LLAMA,
    only=PLAIN,
)

# Dense or a mixture.
SDAR = Family(
    name="SDAR",
    models="SDAR-1.7B/4B/8B-Chat, SDAR-30B-A3B, TraDo-4B/8B-Instruct",
    runs="Qwen3ForCausalLM, Qwen3MoeForCausalLM",
    checked=f"{EQUAL}; the mixture: layout only",
    architectures=("SDARForCausalLM", "SDARMoeForCausalLM"),
    model_types=("sdar", "sdar_moe"),
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {
        **published(config, mask_id=151669, stop_ids=(151643, 151645)),
        **blocks(config.get("block_size") or config.get("block_length"), 4, assumed=True),  # b8 to b64 exist
    },
    build=causal(lambda config: "qwen3_moe" if "num_experts" in config else "qwen3"),
    padding="masked",
    reads=LLAMA | MIXTURE,
    only=PLAIN,
)

# The first token of a block is the one that the row before the block predicts, a row that sees nothing of the block.
FAST_DLLM = Family(
    name="Fast-dLLM-v2",
    models="Fast_dLLM_v2_1.5B, Fast_dLLM_v2_7B",
    runs="Qwen2ForCausalLM",
    checked=EQUAL,
    architectures=("Fast_dLLM_QwenForCausalLM",),
    model_types=("Fast_dLLM_Qwen",),
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {
        **published(config, mask_id=151665, stop_ids=(151643, 151645)),
        "logit_shift": 1,
        "first_token_ar": True,
        **blocks(config.get("bd_size"), 32),
    },
    build=causal("qwen2"),
    padding="masked",
    reads=LLAMA | {"bd_size"},
    only=PLAIN,
)


# The config is Qwen2's own: it is named by the caller. Its loop hides the padding that it fills short rows with.
OPEN_DCODER = Family(
    name="Open-dCoder",
    models="open-dcoder-0.5B",
    runs="Qwen2ForCausalLM",
    checked=LAYOUT,
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {**published(config, stop_ids=(151643, 151645)), "logit_shift": 1},  # the tokenizer has a mask
    build=causal("qwen2"),
    padding="masked",
    reads=LLAMA,
    only=PLAIN,
)


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
        **blocks(config.get("block_size") or config.get("block_length"), 32, assumed=True),  # 16, and 64, in the paper
    },
    # Only Qwen3's configs say how wide a head is.
    build=causal(lambda config: "qwen3" if "head_dim" in config else "qwen2", rename=encoder_rename),
    padding="masked",
    reads=LLAMA,
    only=PLAIN,
)

# ---- a dense Llama

ILLADA = Family(
    name="iLLaDA",
    models="iLLaDA-8B-Base, iLLaDA-8B-Instruct",
    runs="LlamaForCausalLM",
    checked=LAYOUT,
    architectures=("ILLaDAForCausalLM",),
    model_types=("illada",),
    facts=lambda config: published(config, mask_id=5, stop_ids=(2,)),
    build=causal("llama"),
    padding="masked",
    reads=LLAMA - {"rope_scaling"},  # with `layer_norm_eps` its norms are others
    only={"rope_scaling": ({"rope_type": "default"}, {"type": "default"})},
)

STABLE_DIFFCODER = Family(
    name="Stable-DiffCoder",
    models="Stable-DiffCoder-8B-Base, Stable-DiffCoder-8B-Instruct",
    runs="LlamaForCausalLM",
    checked=EQUAL,
    architectures=("StableDiffcoderForCausalLM",),
    facts=lambda config: {
        **published(config, mask_id=5, stop_ids=(2,)),
        **blocks(config.get("block_size") or config.get("block_length"), 4),
    },
    build=causal("llama"),
    padding="masked",
    reads=LLAMA,
)

# ---- a mixture of experts


def _llada_moe(config: Config) -> dict[str, Any]:
    layers = config["num_hidden_layers"]
    mixtures = config.get("moe_layer_freq") or [1] * layers
    return {
        **config,
        "intermediate_size": config.get("dense_intermediate_size"),
        "moe_intermediate_size": config["expert_intermediate_size"],
        "head_dim": config["hidden_size"] // config["num_attention_heads"],
        "norm_topk_prob": False,  # the published network leaves the shares of the chosen experts as they are
        "decoder_sparse_step": 1,
        "mlp_only_layers": [n for n in range(layers) if not mixtures[n]],
    }


LLADA_MOE = Family(
    name="LLaDA-MoE",
    models="LLaDA-MoE-7B-A1B-Base, LLaDA-MoE-7B-A1B-Instruct",
    runs="Qwen3MoeForCausalLM",
    checked=EQUAL,
    architectures=("LLaDAMoEModelLM", "LLaDAMoEModel"),
    model_types=("lladamoe", "llada"),
    when=lambda config: "num_experts" in config,
    facts=lambda config: published(config, mask_id=156895, stop_ids=(156892, 156900)),
    build=causal("qwen3_moe", _llada_moe),
    padding="masked",
    reads=LLAMA | MIXTURE | names("dense_intermediate_size expert_intermediate_size moe_layer_freq"),
    only={
        "qk_layernorm": (True,),
        "partial_rotary_factor": (1,),
        "shared_expert_intermediate_size": (0, -1),
        "moe_router_score_function": ("softmax",),
        "moe_router_enable_expert_bias": (False,),
        "routed_scaling_factor": (1,),
        "router_num_group": (-2,),  # what the published class says of none
        "router_topk_group": (-2,),
    },
)

RND1 = Family(
    name="RND1",
    models="RND1-Base-0910 (30B-A3B)",
    runs="Qwen3MoeForCausalLM",
    checked=EQUAL,
    architectures=("RND1LM",),
    model_types=("rnd1",),
    tokenizer="Qwen2Tokenizer",
    facts=lambda config: {
        **published(config, mask_id=151669, stop_ids=(151643, 151645)),
        "logit_shift": 1,
    },
    build=causal("qwen3_moe", lambda config: {"norm_topk_prob": True, **config}),
    padding="masked",
    reads=LLAMA | MIXTURE,
    only=PLAIN,
)

# ---- causal models that were trained to see both ways: their config says so, or the caller does

KINDS = {"a2d-llama": "llama", "a2d-qwen2": "qwen2", "a2d-qwen3": "qwen3"}  # dLLM's, which differ in the mask alone
NATIVE = ("llama", "qwen2", "qwen3", "qwen3_moe")


def _bidirectional(source: Source, spec: ModelSpec) -> TransformersNetwork:
    kind = str(source.config.get("model_type"))
    kind = KINDS.get(kind, kind)
    if kind not in NATIVE:
        raise ModelError(f"model_type {kind!r} is none of {', '.join(NATIVE)}", hint="drive it through from_callable")
    return build_causal(source, spec, kind, source.config)


BIDIRECTIONAL = Family(
    name="Bidirectional",
    models="dLLM's A2D models; any Llama, Qwen2, Qwen3 whose config says is_causal: false",
    runs="LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM, Qwen3MoeForCausalLM",
    checked=EQUAL,
    architectures=("A2DLlamaLMHeadModel", "A2DQwen2LMHeadModel", "A2DQwen3LMHeadModel"),
    model_types=(*KINDS, *NATIVE),
    when=lambda config: config.get("model_type") in KINDS or config.get("is_causal") is False,
    facts=lambda config: blocks(config["block_size"], 0) if config.get("block_size") else {},
    build=_bidirectional,
    padding="masked",
    reads=LLAMA | MIXTURE,
    only=PLAIN,
)

# ---- masked language models, and chat models made of them


def _positions(config: Config) -> dict[str, Any]:
    """RoBERTa's kind counts positions from behind the id of its padding."""
    room = config.get("max_position_embeddings", 512)
    said = [config.get("model_type"), *(config.get("architectures") or ())]
    if any(str(one).lower().replace("xlm-", "").startswith("roberta") for one in said):
        room -= config.get("pad_token_id", 1) + 1
    return {"context": room}


MASKED_LM = Family(
    name="MaskedLM",
    models="BERT, ModernBERT, EuroBERT; BERT-Chat",
    runs="AutoModelForMaskedLM",
    checked="on weights: the model in the box",
    architectures=("BertForMaskedLM", "ModernBertForMaskedLM", "EuroBertForMaskedLM", "RobertaForMaskedLM"),
    model_types=("bert", "modernbert", "eurobert", "roberta", "xlm-roberta", "distilbert", "electra"),
    when=lambda config: not config.get("auto_map"),  # code of its own may do otherwise
    facts=_positions,
    build=build_masked,
    padding="masked",
)
