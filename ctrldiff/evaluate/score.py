"""What is counted over labelled texts: for every field, every kind of value, and in all."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ctrldiff.calibration import calibration_error, equal_mass, error_by_chance
from ctrldiff.evaluate.equal import in_text, right_at, same
from ctrldiff.evaluate.labelled import Answer
from ctrldiff.fields import kind_of
from ctrldiff.json_schema.shape import Shape
from ctrldiff.pointer import escaped, unescaped
from ctrldiff.reliability import HOLDERS, Outcome
from ctrldiff.result import Result

ABSENT = "absent"  # the kind of a value of which nothing but null is right


@dataclass
class Tally:
    """Yes or no, document by document: pairs (yes, asked)."""

    pairs: list[tuple[int, int]] = field(default_factory=list)

    def add(self, hits: Iterable[bool]) -> None:
        """Count what was asked in one document."""
        hits = list(hits)
        if hits:
            self.pairs.append((sum(hits), len(hits)))

    @property
    def yes(self) -> int:
        return sum(yes for yes, _ in self.pairs)

    @property
    def asked(self) -> int:
        return sum(asked for _, asked in self.pairs)

    @property
    def share(self) -> float:
        """NaN if nothing was asked."""
        return self.yes / self.asked if self.asked else math.nan

    @property
    def error(self) -> float:
        """The standard error of the share. What is asked in one document goes wrong together, so it is that of a ratio
        over documents. NaN of fewer than two."""
        n = len(self.pairs)
        if n < 2:
            return math.nan
        spread = sum((yes - self.share * asked) ** 2 for yes, asked in self.pairs) * n / (n - 1)
        return math.sqrt(spread) / self.asked


@dataclass
class FieldScore:
    """One field, or one kind of value.

    Fields: right; null (is it null if and only if the label is); null_for_stated (null where a value is right);
        invented (a value where null is right); probs (what it said of its own values, and whether they were right).
    """

    right: Tally = field(default_factory=Tally)
    null: Tally = field(default_factory=Tally)
    null_for_stated: Tally = field(default_factory=Tally)
    invented: Tally = field(default_factory=Tally)
    probs: list[Outcome] = field(default_factory=list)


@dataclass
class Score:
    """A model and a plan on labelled texts.

    Fields:
        all: every field together.  objects: all fields of a document right.
        items: of lists, whether each right item is in the answer, whole.
        not_in_text: of the strings that were answered (enums and dates aside), whether each is made up.
        fields, kinds: by the key, and by the kind of the value that is right.
        passes: forward passes of each document.     field_passes: what its probabilities took besides.
        seconds: of processor time, decoding and probabilities of values.
        full: documents whose canvas bound the answer.
        failed: documents without an answer, by the error; they are wrong everywhere, and null nowhere.
    """

    all: FieldScore = field(default_factory=FieldScore)
    objects: Tally = field(default_factory=Tally)
    items: Tally = field(default_factory=Tally)
    not_in_text: Tally = field(default_factory=Tally)
    fields: dict[str, FieldScore] = field(default_factory=dict)
    kinds: dict[str, FieldScore] = field(default_factory=dict)
    passes: list[int] = field(default_factory=list)
    field_passes: list[int] = field(default_factory=list)
    seconds: float = 0.0
    full: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def documents(self) -> int:
        return len(self.objects.pairs)

    @property
    def calibration(self) -> tuple[float, float]:
        """The calibration error of values (ten bins of equal mass), and what it would be by chance if every probability
        were true; NaN without probabilities."""
        values = self.all.probs
        if not values:
            return math.nan, math.nan
        bins = equal_mass(values)
        return calibration_error(bins), error_by_chance(bins)

    def add(self, labelled: Answer, result: Result[Any] | Exception, shape: Shape | None) -> None:
        """Count one document."""
        answered = isinstance(result, Result)
        output = json.loads(result.raw) if isinstance(result, Result) else None
        if isinstance(result, Result):
            self.passes.append(result.usage.forwards - result.usage.fields)
            self.field_passes.append(result.usage.fields)
            self.full += result.full
            self.not_in_text.add(not in_text(text, labelled.text) for text in _strings(output, shape))
        else:
            self.failed[type(result).__name__] += 1
        hits = []
        verdicts: list[tuple[FieldScore, dict[str, bool]]] = []
        for key in labelled.keys:
            answers = labelled.of(key)
            value = output.get(key) if isinstance(output, dict) and key else None if key else output
            told = _verdicts(value, answers, answered)
            hits.append(told["right"])
            own = self.fields.setdefault(key, FieldScore())
            kind = self.kinds.setdefault(_kind(answers, key, shape), FieldScore())
            for score in (own, kind):
                _count(score, [told])
            verdicts.append((own, told))
            if isinstance(answers[0], list):
                self.items.add(_items(value, answers))
        _count(self.all, [told for _, told in verdicts])
        self.objects.add([answered and all(hits)])
        if isinstance(result, Result):
            self._probabilities(labelled, result, shape)

    def _probabilities(self, labelled: Answer, result: Result[Any], shape: Shape | None) -> None:
        outputs = tuple(labelled.outputs())
        for name, one in result.fields.items():
            if one.kind in HOLDERS:
                continue
            right = right_at(name, json.loads(one.text), outputs)
            if right is not None:
                outcome = Outcome(one.kind, one.prob, right, self.documents)
                key = unescaped(name.split("/")[0]) if isinstance(labelled.output, dict) else ""
                kind = self.kinds.setdefault(_kind(labelled.of(key), key, shape), FieldScore())
                for score in (self.all, self.fields[key], kind):
                    score.probs.append(outcome)


def _verdicts(value: Any, answers: Sequence[Any], answered: bool) -> dict[str, bool]:
    """What can be said of one value: only what its label leaves no doubt of."""
    told = {"right": answered and any(same(value, right) for right in answers)}
    if None not in answers and [] not in answers:
        told["null_for_stated"] = answered and value is None
        told["null"] = answered and value is not None
    elif all(right is None for right in answers):
        told["invented"] = answered and value not in (None, "", [])
        told["null"] = answered and value is None
    return told


def _count(score: FieldScore, told: Sequence[dict[str, bool]]) -> None:
    for name in ("right", "null", "null_for_stated", "invented"):
        getattr(score, name).add(one[name] for one in told if name in one)


def _items(value: Any, answers: Sequence[Any]) -> list[bool]:
    """For every item of the list that is right (of several, the best met) whether it is in the answer, whole."""
    found = value if isinstance(value, list) else []
    rows = [[any(same(one, right) for one in found) for right in answer] for answer in answers if answer]
    return max(rows, key=sum, default=[])


def _kind(answers: Sequence[Any], key: str, shape: Shape | None) -> str:
    if all(one is None for one in answers):
        return ABSENT
    right = next(one for one in answers if one is not None)
    return kind_of(shape, f"/{escaped(key)}" if key else "", json.dumps(right))


def _strings(value: Any, shape: Shape | None, at: str = "") -> Iterable[str]:
    """The strings of an answer that should stand in its text."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, shape, f"{at}/{escaped(key)}")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from _strings(inner, shape, f"{at}/{n}")
    elif isinstance(value, str) and value and kind_of(shape, at, json.dumps(value)) == "string":
        yield value
