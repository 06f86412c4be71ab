"""MDLM, BD3-LM, SEDD, Duo and GIDD: families of the diffusion transformer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ctrldiff.errors import ModelError
from ctrldiff.models.dit_checkpoint import DiTNetwork, network_of, read_config
from ctrldiff.models.family import Config, Family, Source
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.weights import read_weights

CHECKED = "layout only: tiny weights under the published names"


def _facts(config: Config) -> dict[str, Any]:
    read = read_config(config)
    return {
        "noise": read.noise,
        **({"mask_id": read.mask_id} if read.mask_id is not None or read.noise == "uniform" else {}),
        "time_input": "none" if read.level == "none" else "t",
        "attention": "full" if read.block_length is None else "block_causal",
        "block_length": read.block_length,
        "length": "fixed" if read.block_length is None else "blocks",
        "edits": read.noise == "uniform" or read.family == "gidd",
        "context": read.context,
    }


def _build(source: Source, spec: ModelSpec) -> DiTNetwork:
    if source.options or spec.ntk != 1:
        told = ", ".join([*source.options, *(["ntk"] if spec.ntk != 1 else [])])
        raise ModelError(f"{told}: the diffusion transformer is no class of transformers", hint="leave it out")
    blocks = spec.block_length if spec.attention == "block_causal" else None
    config = replace(read_config(source.config), block_length=blocks, mask_id=spec.mask_id)
    return network_of(config, read_weights(source.folder), source.folder, dtype=source.dtype, device=source.device)


def _family(name: str, models: str, **evidence: Any) -> Family:
    return Family(name, models, "our diffusion transformer", CHECKED, _facts, _build, **evidence)


DITS = (
    _family("MDLM", "mdlm-owt and its kin", architectures=("MDLM",), model_types=("mdlm",)),
    _family("BD3-LM", "bd3lm-owt-block_size4, 8, 16", architectures=("BD3LM",), model_types=("bd3lm",)),
    _family("Duo", "duo, duo-distilled", architectures=("DUO",), model_types=("DUO", "duo")),
    _family("SEDD", "sedd-small, sedd-medium; absorbing or uniform", keys=("graph", "noise", "tokens")),
    _family("GIDD", "gidd-small, gidd-base", keys=("p_uniform", "n_heads")),
)
