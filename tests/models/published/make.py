"""Run a family's published code on seeded weights and keep its numbers: `python -m tests.models.published.make`.

    python -m tests.models.published.make NAME CHECKOUT [REVISION]

NAME is one of `PUBLISHED`, CHECKOUT a folder with the repository named there. The published class is imported from the
checkout, given the toy config and the weights of the test, in float32 on the CPU, and some columns of its logits and
the norm of each row go into `logits/NAME.json`; `test_published_logits.py` holds ours against them. Nothing of the
published code is kept here.

It runs in an environment of its own, with the version of transformers that the published class was written for
(4.57.1; SDAR 4.52.4; DiffuLLaMA 4.46.2), einops and omegaconf. Compiled kernels of flash-attn and triton, which a CPU
has not, are stood in for by what they compute (`kernels`).
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch.nn import functional as F

from tests.models.plain_others import gpt2_shapes
from tests.models.plain_transformer import draw
from tests.models.published import dit
from tests.models.published.cases import GPT2, GPT2_SIZES, Case, cases
from tests.models.tiny_checkpoints import MASK, N_TOKENS, ROWS, random_weights

HERE = Path(__file__).parent / "logits"
SEED = 11
IDS = [5, 7, MASK, 65, 66, MASK, MASK, 9, MASK, 200, MASK]  # no end of a block of 4, so that the last is cut
COLUMNS = [0, 1, 40, 97, 128, 255]
BESIDE = ("inv_freq", "cos_cached", "sin_cached", "logit_bias")  # buffers; a bias that GIDD's hub class has not
LEVELS = {"bd3lm": 0.0, "bd3lm, no levels": 0.0}  # its class puts 0 in the place of any level
LEVEL = 0.7  # what the others are told that are told a noise level


@dataclass(frozen=True)
class Published:
    """Where the code of a family stands, and how it is run.

    Fields: repository (on GitHub);        run: the checkout to the (L, V) logits of `IDS`.
    """

    repository: str
    run: Callable[[Path], torch.Tensor]


def imported(folder: Path, name: str) -> ModuleType:
    """A module of a folder, whose relative imports find the folder's other modules and none of the checkout's own
    `__init__` is run."""
    package = ModuleType("published_code")
    package.__path__ = [str(folder)]
    sys.modules["published_code"] = package
    sys.path.insert(0, str(folder))
    return importlib.import_module(f"published_code.{name}")


def case_of(name: str) -> Case:
    """The case of that name."""
    return next(case for case in cases() if str(case) == name)


def weighted(module: torch.nn.Module, weights: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The module with these weights in it; what it has besides are buffers and ties that it computes itself."""
    missing, left = module.load_state_dict(weights, strict=False)
    tied = set(getattr(module, "_tied_weights_keys", None) or ())
    assert not left, left
    assert all(name in tied or name in dict(module.named_buffers()) for name in missing), missing
    if hasattr(module, "tie_weights"):
        module.tie_weights()
    return module.eval().to(torch.float32)


def of_transformers(
    case: str, folder: str, page: str, kind: str, page_of_config: str, config: str, **how: Any
) -> Callable[[Path], torch.Tensor]:
    """A class on transformers' base. `how`: given to its call; a function is given the case and the length first."""

    def run(checkout: Path) -> torch.Tensor:
        made = case_of(case)
        module, _ = network(checkout, made, folder, page, kind, page_of_config, config)
        told = {name: one(made, len(IDS)) if callable(one) else one for name, one in how.items()}
        with torch.no_grad():
            return module(torch.tensor([IDS]), **told).logits[0]

    return run


def network(
    checkout: Path, case: Case, folder: str, page: str, kind: str, page_of_config: str, config: str
) -> tuple[torch.nn.Module, Any]:
    """The published class with the case's weights, and its config."""
    classes = imported(checkout / folder, page)
    own = imported(checkout / folder, page_of_config) if page_of_config else classes
    told = {name: one for name, one in case.config.items() if name not in ("auto_map", "torch_dtype")}
    made = getattr(own, config)(**told)
    for name, one in told.items():  # RND1's class puts its own sizes in the place of those it is told
        setattr(made, name, one)
    made._attn_implementation = "sdpa" if getattr(getattr(classes, kind), "_supports_sdpa", False) else "eager"
    torch.manual_seed(0)
    return weighted(getattr(classes, kind)(made), case.published(draw(case.sizes, seed=SEED))), made


def seen(case: Case, length: int) -> torch.Tensor:
    """(1, L, L) bool, what each position sees."""
    return case.sees(length)[None]


def added(case: Case, length: int) -> torch.Tensor:
    """The same as (1, 1, L, L) numbers to be added."""
    return torch.zeros(length, length).masked_fill(~case.sees(length), -torch.inf)[None, None]


def ones(case: Case, length: int) -> torch.Tensor:
    """(1, L): nothing is padding."""
    return torch.ones((1, length), dtype=torch.long)


def wedlm(checkout: Path) -> torch.Tensor:
    """What its loop does in a step: written tokens to the front, with their positions; then the rows put back."""
    where = ("hf_compat", "modeling_wedlm", "WeDLMForCausalLM", "configuration_wedlm", "WeDLMConfig")
    module, _ = network(checkout, case_of("WeDLM"), *where)
    ids = torch.tensor(IDS)
    ordered, positions = module._efficient_reorder_sequence(ids, ids == MASK, torch.arange(len(ids)))
    with torch.no_grad():
        told = {"attention_mask": torch.ones_like(ordered)[None], "position_ids": positions[None]}
        hidden = module.model(input_ids=ordered[None], use_cache=False, **told)
        logits = module.lm_head(hidden.last_hidden_state)[0]
    return logits[positions.argsort()]


def diffullama(checkout: Path) -> torch.Tensor:
    """A Llama's body."""
    from transformers import LlamaConfig, LlamaForCausalLM

    model, case = imported(checkout / "evaluation", "model"), case_of("DiffuLLaMA")
    told = {name: one for name, one in case.config.items() if name not in ("architectures", "torch_dtype")}
    return beside(model, LlamaForCausalLM(LlamaConfig(**told)), case.published(draw(case.sizes, seed=SEED)))


def diffugpt(checkout: Path) -> torch.Tensor:
    """A GPT-2's, whose head is its embedding, and which has more rows than its config says."""
    from transformers import GPT2Config, GPT2LMHeadModel

    model = imported(checkout / "evaluation", "model")
    weights = random_weights(gpt2_shapes(GPT2_SIZES), seed=SEED)
    head = {"lm_head.weight": weights["embed_tokens.weight"]}
    return beside(model, GPT2LMHeadModel(GPT2Config(**{**GPT2, "vocab_size": ROWS})), weights | head)


def beside(model: ModuleType, body: Any, weights: dict[str, torch.Tensor]) -> torch.Tensor:
    """DiffuLLaMA's class puts embedding and head beside a body."""
    torch.manual_seed(0)
    rows = [None] * body.config.vocab_size  # a tokenizer, of which only the length is asked
    module = weighted(model.DiscreteDiffusionModel(body, body.config, rows, "cpu"), weights)
    whole = model.get_anneal_attn_mask(len(IDS), 1, dtype=torch.float32, device="cpu", attn_mask_ratio=1.0)
    with torch.no_grad():
        return module(torch.tensor([IDS]), attention_mask=whole)[0]


def diffusion_transformer(
    name: str, folder: str, page: str, make: Callable[[ModuleType, dict[str, Any]], torch.nn.Module], **how: Any
) -> Callable[[Path], torch.Tensor]:
    """A network of ids and a noise level, made of our config by a function of its module."""

    def run(checkout: Path) -> torch.Tensor:
        torch.manual_seed(0)
        module = make(imported(checkout / folder, page), dit.config(name, N_TOKENS))
        weights = dit.published(name, N_TOKENS, seed=SEED)
        if not hasattr(module, "backbone"):
            weights = {key.removeprefix("backbone."): one for key, one in weights.items()}
        module = weighted(module, {key: one for key, one in weights.items() if not key.endswith(BESIDE)})
        with torch.no_grad():
            said = module(torch.tensor([IDS]), torch.tensor([LEVELS.get(name, LEVEL)]), **how)
        return (said if isinstance(said, torch.Tensor) else said.logits)[0]

    return run


def sizes(config: dict[str, Any]) -> dict[str, Any]:
    """Our flat config of MDLM and Duo in the words that their training code nests under `model`."""
    told = {"hidden_size": config["hidden_dim"], "cond_dim": config["cond_dim"], "n_heads": config["n_heads"]}
    told |= {"n_blocks": config["n_blocks"], "length": config["model_length"], "dropout": 0.1, "scale_by_sigma": False}
    return {"model": told, "algo": {"causal_attention": False}}


def mdlm(module: ModuleType, config: dict[str, Any]) -> torch.nn.Module:
    return module.DIT(sizes(config), vocab_size=config["vocab_size"])


def bd3lm(module: ModuleType, config: dict[str, Any]) -> torch.nn.Module:
    told = {name: one for name, one in config.items() if name not in ("auto_map", "model_type")}
    return module.BD3LM(module.BD3LMConfig(**told, attn_backend="sdpa", var_min=False, return_dict=True))


def gidd(module: ModuleType, config: dict[str, Any]) -> torch.nn.Module:
    told = {"hidden_size": config["hidden_size"], "timestep_cond_dim": config["cond_dim"]}
    told |= {"num_attention_heads": config["n_heads"], "num_hidden_layers": config["n_blocks"]}
    return module.DIT(module.DITConfig(vocab_size=dit.rows("gidd", N_TOKENS), max_seq_len=dit.LENGTH, **told))


def sedd(module: ModuleType, config: dict[str, Any]) -> torch.nn.Module:
    return module.SEDD(config)


LLADA2 = ("modeling_llada2_moe", "LLaDA2MoeModelLM", "configuration_llada2_moe", "LLaDA2MoeConfig")
LLADA21 = ("modeling_llada21_moe", "LLaDA2MoeModelLM", "configuration_llada21_moe", "LLaDA2MoeConfig")
PIPELINES = "dllm/pipelines/"
SDAR = ("training/model/SDAR-4B-Chat", "modeling_sdar", "SDARForCausalLM", "configuration_sdar", "SDARConfig")
DLLM = "ZHZisZZ/dllm"
PUBLISHED = {
    "llada": Published(
        "NVlabs/Fast-dLLM",
        of_transformers("LLaDA", "llada/model", "modeling_llada", "LLaDAModelLM", "configuration_llada", "LLaDAConfig"),
    ),
    "dream": Published(
        "NVlabs/Fast-dLLM",
        of_transformers(
            "Dream",
            *("dream/model", "modeling_dream", "DreamModel", "configuration_dream", "DreamConfig"),
            attention_mask="full",
        ),
    ),
    "llada-moe": Published(
        DLLM,
        of_transformers(
            "LLaDA-MoE",
            *(PIPELINES + "llada/models", "modeling_lladamoe", "LLaDAMoEModelLM", "configuration_lladamoe"),
            "LLaDAMoEConfig",
        ),
    ),
    "llada2": Published(
        DLLM, of_transformers("LLaDA2", PIPELINES + "llada2/models", *LLADA2, attention_mask=added, use_cache=False)
    ),
    "llada2.1": Published(
        DLLM, of_transformers("LLaDA2", PIPELINES + "llada21/models", *LLADA21, attention_mask=added, use_cache=False)
    ),
    "sdar": Published("JetAstra/SDAR", of_transformers("SDAR", *SDAR, attention_mask=seen)),
    "rnd1": Published(
        "RadicalNumerics/RND1",
        of_transformers("RND1", "rnd", "modeling_rnd", "RND1LM", "configuration_rnd", "RND1Config"),
    ),
    "fast-dllm-v2": Published(
        "wangziyannb/Fast-dLLM",
        of_transformers(
            "Fast-dLLM-v2",
            *("v2", "modeling_ori", "Fast_dLLM_QwenForCausalLM", "configuration", "Fast_dLLM_QwenConfig"),
            block_size=4,
            use_cache=False,
        ),
    ),
    "wedlm": Published("Tencent/WeDLM", wedlm),
    "diffullama": Published("HKUNLP/DiffuLLaMA", diffullama),
    "diffugpt": Published("HKUNLP/DiffuLLaMA", diffugpt),
    "bidirectional": Published(
        DLLM,
        of_transformers(
            "Bidirectional",
            *(PIPELINES + "a2d/models/qwen3", "modeling_qwen3", "A2DQwen3LMHeadModel", "", "A2DQwen3Config"),
            attention_mask=ones,
        ),
    ),
    "mdlm": Published("kuleshov-group/mdlm", diffusion_transformer("mdlm", "models", "dit", mdlm)),
    "duo": Published("s-sahoo/duo", diffusion_transformer("duo", "models", "dit", mdlm)),
    "bd3lm": Published(
        "kuleshov-group/bd3lms",
        diffusion_transformer("bd3lm", "models/hf", "modeling_bd3lm", bd3lm, sample_mode=True),
    ),
    "bd3lm, no levels": Published(
        "kuleshov-group/bd3lms",
        diffusion_transformer("bd3lm, no levels", "models/hf", "modeling_bd3lm", bd3lm, sample_mode=True),
    ),
    "gidd": Published("dvruette/gidd", diffusion_transformer("gidd", "gidd/models", "modeling_dit", gidd)),
    "sedd absorb": Published(
        "louaaron/Score-Entropy-Discrete-Diffusion", diffusion_transformer("sedd absorb", "model", "transformer", sedd)
    ),
    "sedd uniform": Published(
        "louaaron/Score-Entropy-Discrete-Diffusion", diffusion_transformer("sedd uniform", "model", "transformer", sedd)
    ),
}


def kernels() -> None:
    """What compiled kernels compute, under their names, for code that imports them where there is no accelerator."""

    def turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        one, other = x.chunk(2, dim=-1)
        cos, sin = cos[: x.shape[1], None], sin[: x.shape[1], None]
        return torch.cat([one * cos - other * sin, other * cos + one * sin], dim=-1)

    def turned_qkv(qkv: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        return torch.stack([turned(qkv[:, :, 0], cos, sin), turned(qkv[:, :, 1], cos, sin), qkv[:, :, 2]], dim=2)

    def attended(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, causal: bool, softmax_scale: float) -> torch.Tensor:
        q, k, v = (one.transpose(1, 2) for one in (q, k, v))
        said = F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=softmax_scale, enable_gqa=True)
        return said.transpose(1, 2)

    def packed(qkv: torch.Tensor, ends: torch.Tensor, most: int, dropout: float, causal: bool) -> torch.Tensor:
        q, k, v = qkv.view(-1, most, *qkv.shape[1:]).unbind(2)
        return attended(q, k, v, causal, q.shape[-1] ** -0.5).flatten(0, 1)

    def normed(x: torch.Tensor, weight: torch.Tensor, bias: None, eps: float) -> torch.Tensor:
        return F.rms_norm(x, x.shape[-1:], weight, eps)

    rotary = {"apply_rotary_emb_qkv_": turned_qkv, "apply_rotary_emb_torch": turned}
    interface = {"flash_attn_varlen_qkvpacked_func": packed}
    unused = {"index_first_axis": None, "pad_input": None, "unpad_input": None}
    stand_in("flash_attn.layers.rotary", **rotary)
    stand_in("flash_attn.flash_attn_interface", **interface)
    stand_in("flash_attn.ops.triton.layer_norm", rms_norm_fn=normed)
    stand_in("flash_attn.bert_padding", **unused)
    stand_in("flash_attn", flash_attn_func=attended, flash_attn_varlen_func=None)
    loss = "published_code.fused_linear_diffusion_cross_entropy"  # of triton, and of training alone
    stand_in(loss, FusedLinearDiffusionCrossEntropyLoss=None)


def stand_in(path: str, **names: Any) -> None:
    """A module of that path with these names, in its parents."""
    parts = path.split(".")
    for n in range(1, len(parts) + 1):
        name = ".".join(parts[:n])
        if name.startswith("published_code") and n < len(parts):
            continue
        if name not in sys.modules:
            sys.modules[name] = ModuleType(name)
            sys.modules[name].__spec__ = ModuleSpec(name, None)  # transformers asks, finds no version, and goes on
        if n > 1 and parts[0] != "published_code":
            setattr(sys.modules[".".join(parts[: n - 1])], parts[n - 1], sys.modules[name])
    vars(sys.modules[path]).update(names)


def revision_of(checkout: str) -> str:
    """The commit that is checked out."""
    asked = ["git", "-C", checkout, "rev-parse", "HEAD"]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()


def main(name: str, checkout: str, revision: str = "") -> None:
    """Make one file."""
    kernels()
    one = PUBLISHED[name]
    logits = one.run(Path(checkout)).to(torch.float32)
    kept = {
        "repository": one.repository,
        "revision": revision or revision_of(checkout),
        "seed": SEED,
        **({"level": LEVELS.get(name, LEVEL)} if name in dit.NAMES else {}),
        "ids": IDS,
        "columns": COLUMNS,
        "norms": [round(float(row), 5) for row in logits.norm(dim=-1)],
        "logits": [[round(float(x), 5) for x in row] for row in logits[:, COLUMNS]],
    }
    HERE.mkdir(exist_ok=True)
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in kept.items()]
    (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
