"""Searches that the benches compare, on plans of `methods.py`, and what is measured under a constraint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import ctrldiff as cd
from ctrldiff.search.run import Search
from examples.orders.methods import OWN, PACED, Paced, drawn


class Decoder(NamedTuple):
    """A plan, and the search that drives it."""

    plan: cd.Plan
    search: Search | None = None


Searched: TypeAlias = Callable[[int, float], Decoder]  # of passes (those of each decode) or length, and a temperature


def alike(text: str, other: str) -> float:
    """The share of places in which two texts have the same letter."""
    return sum(a == b for a, b in zip(text, other, strict=False)) / max(len(text), len(other), 1)


def over(search: Callable[[int], Search], plan: Paced = PACED["confidence"]) -> Searched:
    """A search that is made for so many passes, over a plan with as many."""
    return lambda passes, temperature: Decoder(plan(passes, temperature), search(passes))


def step_by_step(length: int, temperature: float) -> cd.Plan:
    """The most confident position of each pass."""
    return drawn(temperature).but(commit=cd.commit.TopK())


SEARCHED: Mapping[str, Searched] = {  # of the passes of each decode
    "4 branches (LoPA)": over(lambda passes: cd.search.Branches(4)),
    "8 tried (InfoGain)": over(lambda passes: cd.search.InfoGain()),
    "tolerator": over(lambda passes: cd.search.Tolerator(passes)),
    "back and refine (LaDiC)": over(lambda passes: cd.search.BackAndRefine()),
    "vote of 5": over(lambda passes: cd.search.Vote(5)),
    "minimum risk of 5": over(lambda passes: cd.search.MinimumRisk(5, alike)),
    "dVoting": over(lambda passes: cd.search.DVoting()),
}
OWN_SEARCHED: Mapping[str, Searched] = {  # of the length of a text
    "one a pass, 3 guessed ahead": over(lambda length: cd.search.Ahead(3), step_by_step),
    "threshold .9, 3 guessed ahead": over(lambda length: cd.search.Ahead(3), OWN["threshold .9"]),
    "two a pass, tree of beginnings (MEDAL)": lambda length, temperature: Decoder(
        PACED["confidence"](max(length // 2, 1), temperature), cd.search.Medal(length=max(length // 4, 1), rounds=32)
    ),
}
FORCED: Mapping[str, Searched] = {  # of passes, with all that is legal as a constraint
    "exact constraint": lambda passes, temperature: Decoder(PACED["confidence"](passes, temperature)),
    "exact constraint, at random": lambda passes, temperature: Decoder(PACED["at random"](passes, temperature)),
    "exact constraint, particle Gibbs": over(lambda passes: cd.search.ParticleGibbs(n=4, sweeps=3), PACED["at random"]),
}
TOLD = (*PACED, *SEARCHED)  # decoders that are told how many passes they have
FREE = (*OWN, *OWN_SEARCHED)  # decoders that decide it


def decoder(name: str, told: int, length: int, temperature: float) -> Decoder:
    """The decoder of that name, `told` so many passes; 0 of one that decides itself. Raises: KeyError."""
    if name in PACED:
        return Decoder(PACED[name](told, temperature))
    if name in OWN:
        return Decoder(OWN[name](length, temperature))
    if name in OWN_SEARCHED:
        return OWN_SEARCHED[name](length, temperature)
    return {**SEARCHED, **FORCED}[name](told, temperature)
