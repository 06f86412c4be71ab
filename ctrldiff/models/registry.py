"""Every family, the most particular first. Another is an entry of `families.py`, or a page, and one line here."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from ctrldiff.errors import ModelError, UnknownArchitecture
from ctrldiff.models.diffullama import DIFFULLAMA
from ctrldiff.models.diffusion_gemma import DIFFUSION_GEMMA
from ctrldiff.models.dit.families import DITS
from ctrldiff.models.families import (
    BIDIRECTIONAL,
    DREAM,
    EFFICIENT_DLM,
    FAST_DLLM,
    ILLADA,
    LLADA_MOE,
    MASKED_LM,
    OPEN_DCODER,
    RND1,
    SDAR,
    STABLE_DIFFCODER,
)
from ctrldiff.models.family import Config, Family
from ctrldiff.models.llada import LLADA
from ctrldiff.models.llada2 import LLADA2
from ctrldiff.models.modern_bert import MODERN_BERT
from ctrldiff.models.smdm import SMDM
from ctrldiff.models.stay_causal import I_DLM, NEMOTRON, WEDLM
from ctrldiff.models.words import table

FAMILIES: tuple[Family, ...] = (
    LLADA,
    LLADA_MOE,
    LLADA2,
    ILLADA,
    DREAM,
    SDAR,
    RND1,
    FAST_DLLM,
    EFFICIENT_DLM,
    STABLE_DIFFCODER,
    NEMOTRON,
    WEDLM,
    I_DLM,
    OPEN_DCODER,
    SMDM,
    DIFFULLAMA,
    DIFFUSION_GEMMA,
    *DITS,
    BIDIRECTIONAL,
    MODERN_BERT,
    MASKED_LM,
)

# What checkpoints say whose configs are those of the causal models that they were made of.
PLAIN_NAMES = ("llama", "qwen2", "qwen3", "LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")


@dataclass(frozen=True)
class Recognised:
    """A family, and what in the config says so."""

    family: Family
    why: str


def recognise(config: Config, name: str = "") -> Recognised:
    """The family of a config: the one that is named, or the first in which something in the config speaks for it.

    Raises: UnknownArchitecture, with names that are near.
    """
    name = name or table(config, "ctrldiff").get("family", "")
    if not isinstance(name, str):
        raise ModelError(f"family={name!r}: a name", hint="`ctrldiff models` lists them")
    if name:
        for family in FAMILIES:
            if family.name.lower() == name.lower():
                return Recognised(family, f"family={family.name}")
        raise _unknown([name], [family.name for family in FAMILIES])
    for family in FAMILIES:
        if why := family.evidence(config):
            return Recognised(family, why)
    names = [*(config.get("architectures") or ()), *([config["model_type"]] if config.get("model_type") else ())]
    known = [name for family in FAMILIES for name in (*family.architectures, *family.model_types)]
    raise _unknown(names, known)


def _unknown(names: list[str], known: list[str]) -> UnknownArchitecture:
    lower = {one.lower(): one for one in known}
    near = [lower[one] for name in names for one in get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    near = list(dict.fromkeys(near))
    if set(names) & {*PLAIN_NAMES}:
        near += [f"family={family.name!r}" for family in (DIFFULLAMA, I_DLM, OPEN_DCODER)]
    return UnknownArchitecture(
        f"no family knows {' or '.join(map(repr, names)) or 'a config without architectures and model_type'}",
        hint=(f"near: {', '.join(near)}\n" if near else "")
        + "pass family=... if it is laid out like one of `ctrldiff models`, or drive it through from_callable",
        names=names,
        near=near,
    )
