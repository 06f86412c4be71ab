"""A constraint of the toy vocabulary that no automaton knows: between dashes no word comes twice."""

from __future__ import annotations

from dataclasses import dataclass

from ctrldiff.automata.expression import Expression
from ctrldiff.constraints.basic import Regex
from ctrldiff.constraints.description import Description
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.proviso import Fault


@dataclass(frozen=True)
class NoWordTwice:
    """The proviso."""

    def fault(self, text: bytes, whole: bool = True) -> Fault | None:
        """The first word that comes again; that a word is over shows in what stands behind it."""
        seen: set[bytes] = set()
        start = 0
        for n, word in enumerate(words := text.split(b"-")):
            last = n + 1 == len(words)
            if word in seen and (whole or not last):
                return Fault(start, len(text) + 1 if last else start + len(word) + 1)
            seen.add(word)
            start += len(word) + 1
        return None


@dataclass(frozen=True)
class Distinct(Description):
    """Words of letters and digits with dashes between them, none twice: `a-b-12`."""

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return Regex("[0-9ab]{0,3}(-[0-9ab]{0,3}){1,}").expression(limits)

    def proviso(self, limits: Limits = DEFAULT) -> NoWordTwice:
        return NoWordTwice()
