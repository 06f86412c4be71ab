"""Several decodes, and the one that the others agree with most: no reward, no judge.

Self-consistency (arXiv:2203.11171) takes the answer that most decodes gave; minimum Bayes risk decoding (Kumar and
Byrne 2004, "Minimum Bayes-risk decoding for statistical machine translation") the one with the highest mean utility,
which for an object is the share of its fields.
"""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ctrldiff.errors import OutputInvalid, ShapeError
from ctrldiff.pointer import escaped
from ctrldiff.search.run import F64, Found, Run, checked, chosen, total
from ctrldiff.state import State


def meaning(text: str) -> Hashable:
    """What two answers share that say the same: the value of a JSON text, however it is spelled; else the text. Of a
    type whose values are texts (`str`, a `Regex`) searches do not ask it: there "1.10" and "1.1" are two answers."""
    try:
        return _canonical(json.loads(text))
    except ValueError:
        return text


def fields(text: str) -> dict[str, Any]:
    """{JSON pointer: value} of every leaf of a JSON text, an empty object or array being one; {"": text} of another."""
    try:
        value = json.loads(text)
    except ValueError:
        return {"": text}
    return dict(_leaves("", value))


def agreement(text: str, other: str) -> float:
    """Of the leaves that either text has, the share that both have with the same value."""
    these, those = ({where: _canonical(value) for where, value in fields(one).items()} for one in (text, other))
    return len(these.items() & those.items()) / len(these.keys() | those.keys())


@dataclass(frozen=True)
class Voted:
    """A value that some of several texts have in a field, and the share of all texts that have it."""

    value: Any
    share: float


def verbatim(run: Run, row: int, text: str) -> bool:
    """The answer in this row is its text, whatever that looks like, and nothing that is read from it."""
    try:
        return bool(run.context.read(row, text) == text)
    except OutputInvalid:
        return False  # it is read, and refused


def votes(texts: Sequence[str], *, verbatim: bool = False) -> dict[str, tuple[Voted, ...]]:
    """{JSON pointer: its values in any of the texts, the most frequent first, the first seen among equals}.

    What the shares lack of 1 are texts without that field. verbatim: the answers are texts, and none is read as JSON.
    Of a result: `votes([one.raw for one in r.candidates], verbatim=r.output == r.raw)`.
    """
    seen: dict[str, dict[Hashable, list[Any]]] = {}
    for text in texts:
        for where, value in ({"": text} if verbatim else fields(text)).items():
            seen.setdefault(where, {}).setdefault(_canonical(value), []).append(value)
    return {
        where: tuple(Voted(same[0], len(same) / len(texts)) for same in sorted(here.values(), key=lambda s: -len(s)))
        for where, here in seen.items()
    }


@dataclass(frozen=True)
class Vote:
    """`n` independent decodes a row; the answer is what most of them say, the first drawn among equals.

    The reward of a candidate is the share of decodes that say the same. key: what a text says.
    """

    n: int = 8
    key: Callable[[str], Hashable] = meaning

    def __post_init__(self) -> None:
        checked("Vote", self.n)

    def __call__(self, run: Run, state: State) -> Found:
        return _agreed(run, state, self.n, self._shares)

    def _shares(self, texts: list[str], whole: bool = False) -> list[float]:
        said: list[Hashable] = [text if whole and self.key is meaning else self.key(text) for text in texts]
        return [said.count(one) / len(said) for one in said]


@dataclass(frozen=True)
class MinimumRisk:
    """`n` independent decodes a row; the answer is the one with the highest mean utility, the first among equals.

    Utility is of a text, if the other one is the truth; the mean is over all decodes, its own among them. By default
    the share of fields that agree, so the answer has the fields that most decodes have, and is one of them whole.
    """

    n: int = 8
    utility: Callable[[str, str], float] = agreement

    def __post_init__(self) -> None:
        checked("MinimumRisk", self.n)

    def __call__(self, run: Run, state: State) -> Found:
        return _agreed(run, state, self.n, self._means)

    def _means(self, texts: list[str], whole: bool = False) -> list[float]:
        utility = operator.eq if whole and self.utility is agreement else self.utility
        means = [float(np.mean([utility(text, other) for other in texts])) for text in texts]
        if not all(map(math.isfinite, means)):
            raise ShapeError("MinimumRisk: a utility is not finite", why=f"means {means}")
        return means


def _agreed(run: Run, state: State, n: int, rate: Callable[[list[str], bool], list[float]]) -> Found:
    """Decode, rate each canvas among its group's texts, and choose the best rated."""
    state = run.decode(state)
    texts = run.context.vocabulary.texts(state.tokens.tolist())
    rewards: F64 = np.array(
        [
            one
            for first in range(0, len(texts), n)
            for one in rate(texts[first : first + n], verbatim(run, first, texts[first]))
        ]
    )
    return Found(state, rewards, chosen("best", state, rewards, n), total(state, n))


def _canonical(value: Any) -> Hashable:
    """Equal for values that are equal as JSON: 1 and 1.0 are, 1 and true are not, the order of keys is nothing."""
    if isinstance(value, dict):
        return ("object", frozenset((key, _canonical(one)) for key, one in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_canonical, value)))
    return (isinstance(value, bool), value)


def _leaves(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict | list) or not value:
        yield where, value
        return
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        yield from _leaves(f"{where}/{escaped(str(key))}", one)
