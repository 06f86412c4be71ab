"""The decoders that the benches compare: those that are told how many passes they have, and those that decide it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import ctrldiff as cd

Paced: TypeAlias = Callable[[int, float], cd.Plan]  # of the number of passes, and a temperature
Own: TypeAlias = Callable[[int, float], cd.Plan]  # of the length of a text, and a temperature


def drawn(temperature: float) -> cd.Plan:
    """One position a pass, in random order: at temperature 1 the law of the network itself."""
    return cd.Plan.preset("first_hitting", temperature=temperature)


def rate(commit: object) -> Paced:
    """As many positions a pass as the passes ask for, chosen by a rule."""
    return lambda passes, temperature: drawn(temperature).but(commit=commit, schedule=cd.schedule.Linear(passes))


def rule(commit: object) -> Own:
    """A rule that decides how many itself."""
    return lambda length, temperature: drawn(temperature).but(commit=commit)


def paced(name: str, **knobs: object) -> Paced:
    """A published decoder with a fixed number of passes."""
    return lambda passes, temperature: cd.Plan.preset(name, steps=passes, temperature=temperature, **knobs)


def own(name: str, **knobs: object) -> Own:
    """A published decoder that decides itself."""
    return lambda length, temperature: cd.Plan.preset(name, temperature=temperature, **knobs)


def planned(span: int) -> Own:
    """Spans of so many positions, all at once, one position of each in a pass."""

    def plan(length: int, temperature: float) -> cd.Plan:
        commit = cd.commit.Planned(lambda tokens: [place // span for place in range(len(tokens))])
        return drawn(temperature).but(commit=commit, observers=(commit.note,), schedule=cd.schedule.Linear())

    return plan


PACED: Mapping[str, Paced] = {
    "at random": rate(cd.commit.TopK("random")),
    "confidence": rate(cd.commit.TopK()),
    "margin": rate(cd.commit.TopK("margin")),
    "entropy": rate(cd.commit.TopK("entropy")),
    "spaced": rate(cd.commit.Spacing(cd.commit.TopK())),
    "threshold .9, at most": rate(cd.commit.Or(cd.commit.Threshold(0.9), cd.commit.TopK())),
    "prefix .99, own .9, at most": rate(cd.Plan().commit),
    "slope of 4 (hyperschedule)": lambda passes, temperature: drawn(temperature).but(
        commit=cd.commit.TopK(), schedule=cd.schedule.Hyper(cd.schedule.Annealed(4), passes)
    ),
    "two passes a step (recomputed)": lambda passes, temperature: drawn(temperature).but(
        schedule=cd.schedule.Linear(max(passes // 2, 1)),
        propose=cd.propose.Recomputed(2, inner=drawn(temperature).propose),
        commit=cd.commit.Proposed(),
    ),
    "ccd": paced("ccd"),
    "pc": paced("pc"),
    "mdlm": paced("mdlm"),
    "remdm": paced("remdm"),
    "rcr": paced("rcr", block=64),
    "core": paced("core", every=2),
    "p2": paced("p2"),
    "rdm": paced("rdm"),
}
OWN: Mapping[str, Own] = {
    "first_hitting": lambda length, temperature: drawn(temperature),
    "dilated (DUS)": lambda length, temperature: drawn(temperature).but(commit=cd.commit.Dilated(block=length)),
    "threshold .9": rule(cd.commit.Threshold(0.9)),
    "factor 1": rule(cd.commit.Factor(1.0)),
    "hierarchy": rule(cd.commit.Hierarchy()),
    "prefix .99, own .9 (default)": rule(cd.Plan().commit),
    "eb .1 nats": own("eb"),
    "eb 1 nat": own("eb", gamma=1.0),
    "klass": own("klass", block=64),
    "credit": own("credit", block=64),
    "slowfast": own("slowfast"),
    "ahd, blocks of 4": own("ahd", block=4),
    "ccd_ds": own("ccd_ds"),
    "wino": own("wino"),
    "t2m": own("t2m"),
    "dcd": own("dcd"),
    "dapd": own("dapd"),
    "planned, spans of 4": planned(4),
    "fast_dllm, blocks of 4": own("fast_dllm", block=4),
    "fast_dllm, factor 1, blocks of 4": own("fast_dllm", factor=1.0, block=4),
    "eb .1 nats, blocks of 4": own("eb", block=4),
    "blocks by entropy (CtrlDiff)": own("ctrldiff_blocks", sizes=(2, 4, 8)),
}
