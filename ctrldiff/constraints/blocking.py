"""Dynamic Blocking: paraphrases that do not copy, because what followed in the source may not follow here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ctrldiff.automata.compile import unrolled
from ctrldiff.automata.counting import counted
from ctrldiff.automata.expression import ANY_TEXT, Alt, Concat, Expression, Language, Repeat, text
from ctrldiff.constraints.basic import Text
from ctrldiff.constraints.content import Found, in_any_case, letters
from ctrldiff.constraints.description import Description
from ctrldiff.constraints.of_text import OfText
from ctrldiff.errors import ConstraintError, ConstraintTooLarge
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.text import check_text
from ctrldiff.tokens.narrow import TokenPairs, TokenRule

_LESS = "a shorter source, a lower share, or ascii=True, with which every pair is smaller; or Limits(...)"


@dataclass(frozen=True, init=False)
class DynamicBlocking(OfText):
    r"""The texts in which no unit of the source is followed by the one that follows it there.

    Of the source's pairs of neighbours, each different one is blocked with probability `share`, drawn with `seed`:
    other seeds leave other ways of saying it open, which is how the published rule makes its paraphrases differ. 1
    blocks all; a unit that stands twice in a row in the source is a pair, too.

    Args:
        source: a text: its units are words (`\w+`), and what stands between two of them, here and there, is no matter;
            or token ids: its units are tokens, as published, and the constraint bounds the answer as a whole.
        ignore_case: of words, as the published rule blocks capitalised forms along with a word; inflected ones it
            blocks as well, and this does not.
        ascii: only ASCII's letters and digits make words, and have a case.
    Raises: ConstraintError; ConstraintTooLarge when compiled.
    Source: Niu et al. 2021, arXiv:2010.12885, by notes on the paper: no code of it was read.
    """

    source: str | tuple[int, ...]
    share: float
    seed: int
    ignore_case: bool
    ascii: bool

    def __init__(
        self,
        source: str | Sequence[int],
        *,
        share: float = 0.5,
        seed: int = 0,
        ignore_case: bool = True,
        ascii: bool = False,
    ) -> None:
        if isinstance(source, str):
            check_text(source, "the source")
            kept: str | tuple[int, ...] = source
        else:
            kept = _ids(source)
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise ConstraintError(f"DynamicBlocking: share={share!r}", hint="a probability, 0 to 1; 1 blocks all pairs")
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConstraintError(f"DynamicBlocking: seed={seed!r}", hint="an int of at least 0")
        for name, value in (
            ("source", kept),
            ("share", share),
            ("seed", seed),
            ("ignore_case", ignore_case),
            ("ascii", ascii),
        ):
            object.__setattr__(self, name, value)

    @property
    def pairs(self) -> tuple[tuple[Any, Any], ...]:
        """The pairs that are blocked, of words or of ids, in their order in the source. Words that differ in case only
        are one if case is ignored, spelled as the first of them."""
        units: Sequence[Any] = self.source
        if isinstance(self.source, str):
            units = re.findall(r"\w+", self.source, re.ASCII if self.ascii else 0)
            spelled = {one.lower(): one for one in reversed(units)}
            units = [spelled[one.lower()] for one in units] if self.ignore_case else units
        found = list(dict.fromkeys(pairwise(units)))
        drawn = np.random.default_rng(self.seed).random(len(found)) < self.share
        return tuple(pair for pair, active in zip(found, drawn.tolist(), strict=True) if active)

    def as_keyword(self) -> dict[str, Any]:
        if not isinstance(self.source, str):
            raise _of_a_part()
        options = {"share": self.share, "seed": self.seed, "ignore_case": self.ignore_case, "ascii": self.ascii}
        return {"blocks": self.source, **options}

    def over_tokens(self) -> tuple[Description, tuple[TokenRule, ...]]:
        if isinstance(self.source, str):
            return self, ()
        return Text(empty=True), ((TokenPairs(self.pairs),) if self.pairs else ())

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        if not isinstance(self.source, str):
            raise _of_a_part()
        onward: dict[str, list[str]] = {}
        for first, second in self.pairs:
            onward.setdefault(first, []).append(second)
        if not onward:
            return ANY_TEXT
        between = Repeat(letters(self.ascii)[1], 1, None)
        # A copy of what stands between two words for every first one: known before any of it is built.
        states = len(onward) * unrolled(between, limits) + sum(map(len, onward))
        if states > limits.max_nfa_states:
            raise ConstraintTooLarge("states before determinising", states, limits.max_nfa_states, hint=_LESS)
        blocked = tuple(
            Concat((self._word(first), between, Alt(tuple(self._word(one) for one in seconds))))
            for first, seconds in onward.items()
        )
        found = Found.at(Alt(blocked), words=True, ascii=self.ascii)
        return Language(counted(found.marks, 0, 0, ends=found.ends, limits=limits))

    def _word(self, word: str) -> Expression:
        return in_any_case(word, self.ascii) if self.ignore_case else text(word)


def _of_a_part() -> ConstraintError:
    return ConstraintError(
        "DynamicBlocking of token ids as a part of something else",
        why="which tokens follow each other is no matter of a text's bytes",
        hint="intersect the whole answer with it; here, give the source as a text, for pairs of words",
    )


def _ids(source: object) -> tuple[int, ...]:
    given = tuple(source) if isinstance(source, Sequence) else None
    if given is None or any(isinstance(one, bool) or not isinstance(one, int) or one < 0 for one in given):
        raise ConstraintError(
            f"DynamicBlocking({source!r})"[:120] + " is no source", hint="a text, or a list of token ids"
        )
    return given
