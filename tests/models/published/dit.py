"""Tiny random checkpoints of the diffusion transformer families, laid out and described as they are published."""

from __future__ import annotations

import torch

from tests.models import dit_reference

WIDTH, HEADS, BLOCKS, CONDITION, LENGTH = 12, 2, 2, 8, 64
FLAT = {"hidden_dim": WIDTH, "cond_dim": CONDITION, "n_blocks": BLOCKS, "n_heads": HEADS, "model_length": LENGTH}
NESTED = {"hidden_size": WIDTH, "cond_dim": CONDITION, "n_blocks": BLOCKS, "n_heads": HEADS, "length": LENGTH}
LOG_LINEAR = {"type": "loglinear", "sigma_min": 1e-4, "sigma_max": 20}
GEOMETRIC = {"type": "geometric", "sigma_min": 1e-2, "sigma_max": 20}
NAMES = [
    "mdlm",
    "mdlm, told the time",
    "bd3lm",
    "bd3lm, no levels",
    "sedd absorb",
    "sedd uniform",
    "duo",
    "gidd",
    "hdlm",
]


def config(name: str, tokens: int) -> dict:
    """`config.json` for a tokenizer of so many tokens."""
    if name.startswith("sedd"):
        noise = LOG_LINEAR if name == "sedd absorb" else GEOMETRIC
        graph = {"type": name.removeprefix("sedd "), "file": "data", "report_all": False}
        model = {"name": "small", "type": "ddit", "scale_by_sigma": name == "sedd absorb", "dropout": 0.1, **NESTED}
        return {"graph": graph, "noise": noise, "model": model, "tokens": tokens, "ngpus": 8}
    if name == "duo":
        return {"model_type": "DUO", "vocab_size": tokens, "causal": False, "var_min": True, **FLAT}
    if name == "hdlm":
        model = {"name": "epsilon_hdlm", "type": "ddit", "dropout": 0.1, "scale_by_sigma": False, **NESTED}
        model |= {"transformer_sigma_conditioning": False, "hybrid_sigma_embedding": False}
        model |= {"post_process_logits": False, "use_timestep_embedding": False}
        said = {"model_type": "epsilon_hybrid", "type": "aligned", "tokenizer": {"tokens": tokens, "model": "gpt2"}}
        said |= {"annealing": {"type": "block", "width": LENGTH, "tau": LENGTH, "sampling_method": "SAR"}}
        said |= {"training": {"epsilon": 0.01, "loss_type": "hybrid"}, "reset_step_for_finetuning": True}
        return {**said, "gradient_accumulation_steps": 8, "ngpus": 2, "model": model}
    if name == "gidd":
        sizes = {"hidden_size": WIDTH, "cond_dim": CONDITION, "n_blocks": BLOCKS, "n_heads": HEADS}
        return {"model_type": "gidd", "p_uniform": 0.2, "t_eps": 1e-4, "max_seq_len": LENGTH, **sizes}
    out = {"model_type": name[:5] if name.startswith("bd3lm") else "mdlm", "vocab_size": tokens + 1, **FLAT}
    out["auto_map"] = {"AutoModelForMaskedLM": "modeling.Model"}
    out["time_conditioning"] = name.endswith("told the time")
    if name.startswith("bd3lm"):
        out |= {"block_size": 4, "cross_attn": True, "adaln": name == "bd3lm", "causal": False}
    return out


def rows(name: str, tokens: int) -> int:
    """Rows of the embedding: a mask behind the tokens, or filled up to a multiple of 128."""
    if name == "gidd":
        return (tokens + 1 + 127) // 128 * 128
    return tokens if name in ("duo", "sedd uniform") else tokens + 1


def weights(name: str, tokens: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """Parameters by the names the oracle knows them by."""
    condition = 0 if name in ("bd3lm, no levels", "hdlm") else CONDITION
    return dit_reference.random_weights(rows(name, tokens), WIDTH, BLOCKS, condition, seed)


def published(name: str, tokens: int, seed: int = 0) -> dict[str, torch.Tensor]:
    """The same under their published names, with the buffers that are saved beside them."""
    out = weights(name, tokens, seed)
    size = WIDTH // HEADS
    if name == "gidd":
        out |= {"logit_bias": torch.full((1, 1, 1), 0.5)}
        out |= {f"rotary_emb.{part}_cached": torch.zeros(1, LENGTH, 3, 1, size) for part in ("cos", "sin")}
    else:
        out["rotary_emb.inv_freq"] = 1.0 / 10_000 ** (torch.arange(0, size, 2).float() / size)
    return out if name.startswith(("sedd", "hdlm")) else {f"backbone.{key}": value for key, value in out.items()}
