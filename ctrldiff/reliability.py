"""Probabilities of values into ones that are right as often as they say: a temperature and a shift for each kind.

A model's belief in a value is rarely the share of such values that are right. On labelled answers that share is
fitted, apart for null, strings, numbers and so on: p becomes sigmoid(logit(p) / temperature + shift). (A temperature
alone cannot mend a kind that is right less than half the time at p = .999, as null is on unfamiliar texts.)
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from ctrldiff.calibration import calibration_error, equal_mass
from ctrldiff.errors import InputError

FEWEST = 5  # labelled values of a kind, for a fit of its own; fewer go with the other kinds
FAMILIAR = 5.0  # the weight of what fits all kinds in the fit of one: a dozen values cannot say much
# Probabilities are read no nearer to 0 and 1: a product over a long string may be 1e-12 and is not that unlikely.
# Of 1e-9, 1e-6, 1e-4, 1e-3 and 1e-2 this one gave the likeliest held-out values (417 of `tiny`, keys respelled).
EDGE = 1e-4
FLATTEST = 0.01  # the least 1 / temperature: surer values stay surer, even where they were less often right
WANTED = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99)  # accuracies that a file has thresholds for
HOLDERS = ("list", "object")  # they are right if all in them is: apart from the values, and no part of the thresholds
APART = ("null", *HOLDERS)  # what is fitted without a look at the other kinds
OTHERS = "others"  # the fit of all kinds together


class Outcome(NamedTuple):
    """A value of a labelled answer: its kind, how probable it was, and whether it was right. `document` says which
    answer it is from: values of one answer go wrong together, so they stay together when a fit is tried out."""

    kind: str
    prob: float
    right: bool
    document: int = 0

    @property
    def confidence(self) -> float:
        """`prob`, as `calibration.equal_mass` calls it; what a sum over floats has above 1 is left out."""
        return min(1.0, self.prob)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class Scale:
    """sigmoid(logit(p) / temperature + shift), fitted on so many values."""

    temperature: float = 1.0
    shift: float = 0.0
    count: int = 0

    def __post_init__(self) -> None:
        if not all(map(_is_number, (self.temperature, self.shift, self.count))):
            raise ValueError(f"a scale of {self.temperature!r}, {self.shift!r}, {self.count!r}: not numbers")
        if self.temperature <= 0:
            raise ValueError(f"a temperature of {self.temperature!r}: it is above 0")

    def __call__(self, prob: float) -> float:
        return _sigmoid(logit(prob) / self.temperature + self.shift)


class Threshold(NamedTuple):
    """Values at least as probable as `prob` were right in this share; they were `coverage` of all values."""

    accuracy: float
    prob: float
    coverage: float


@dataclass(frozen=True)
class Calibration:
    """A scale for each kind of value, and from which probability on values were right how often.

    Fields: scales, by kind, and "others" for a kind that has none; thresholds, by rising accuracy.
    Raises: InputError for scales without "others".
    """

    scales: Mapping[str, Scale] = field(default_factory=lambda: {OTHERS: Scale()})
    thresholds: tuple[Threshold, ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.scales, Mapping) or OTHERS not in self.scales:
            raise InputError(f"a calibration has no scale for {OTHERS!r}", hint=f"scales={{{OTHERS!r}: Scale(), ...}}")

    def prob(self, kind: str, exact: float) -> float:
        """How often values of this kind and probability are right."""
        scale = self.scales.get(kind) or self.scales[OTHERS]
        return scale(exact)

    def threshold(self, accuracy: float) -> float:
        """From which probability on values are right in at least this share: what `below=` takes.

        Raises: InputError for an accuracy that no threshold reached on the labelled answers.
        """
        for one in self.thresholds:
            if one.accuracy >= accuracy:
                return one.prob
        most = max((one.accuracy for one in self.thresholds), default=0.0)
        raise InputError(
            f"no probability was right in {accuracy:g} of the labelled values",
            hint=f"at most {most:g}; more labelled answers, or a model that knows such texts",
            param="accuracy",
        )

    @staticmethod
    def fit(outcomes: Sequence[Outcome]) -> Calibration:
        """The scales that make labelled values likeliest, drawn a little towards leaving probabilities as they are.

        Raises: InputError if there are no values.
        """
        if not outcomes:
            raise InputError("there are no labelled values to fit")
        groups: dict[str, list[Outcome]] = {}
        for one in outcomes:
            groups.setdefault(one.kind, []).append(one)
        others = _fitted([one for one in outcomes if one.kind not in APART] or outcomes)
        scales = {OTHERS: others}
        for kind, some in groups.items():
            if len(some) >= FEWEST:
                scales[kind] = _fitted(some) if kind in APART else _fitted(some, others, FAMILIAR)
        values = [one for one in Calibration(scales).applied(outcomes) if one.kind not in HOLDERS]
        return Calibration(scales, thresholds(values))

    def applied(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """The same values with the probabilities that this calibration makes of theirs."""
        return [one._replace(prob=self.prob(one.kind, one.prob)) for one in outcomes]

    def save(self, file: Path | str) -> None:
        """Write it as JSON. Raises: InputError."""
        facts = {
            "ctrldiff": "calibration 1",
            "scales": {kind: asdict(scale) for kind, scale in self.scales.items()},
            "thresholds": [one._asdict() for one in self.thresholds],
        }
        try:
            Path(file).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        except OSError as error:
            raise InputError(f"{str(file)!r} cannot be written: {error.strerror}") from error

    @staticmethod
    def load(file: Path | str) -> Calibration:
        """Read what `save` wrote. Raises: InputError."""
        try:
            facts = json.loads(Path(file).read_text(encoding="utf-8"))
            scales = {kind: Scale(**scale) for kind, scale in facts["scales"].items()}
            found = tuple(_threshold(**one) for one in facts["thresholds"])
        except OSError as error:
            raise InputError(f"{str(file)!r} cannot be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "ctrldiff calibrate FILE --schema SCHEMA --fit OUT.json writes one"
            raise InputError(f"{str(file)!r} is no calibration ({error})", hint=hint) from error
        if OTHERS not in scales:
            raise InputError(f"{str(file)!r} has no scale for {OTHERS!r}")
        return Calibration(scales, found)


def _threshold(accuracy: float, prob: float, coverage: float) -> Threshold:
    """One that a file names. Raises: ValueError for what is no share."""
    for one in (accuracy, prob, coverage):
        if not _is_number(one) or not 0 <= one <= 1:
            raise ValueError(f"a threshold of {one!r}: not between 0 and 1")
    return Threshold(accuracy, prob, coverage)


def thresholds(outcomes: Sequence[Outcome], least: int = 10) -> tuple[Threshold, ...]:
    """For each of the wanted accuracies that can be had, the least probability from which on values reach it. `least`:
    how many values have to stand behind a threshold."""
    ranked, right, found = sorted(outcomes, key=lambda one: -one.prob), 0, {}
    for n, one in enumerate(ranked, start=1):
        right += one.right
        if n < len(ranked) and ranked[n].prob == one.prob:
            continue  # equal probabilities pass together
        for wanted in WANTED if n >= least else ():
            if right / n >= wanted:
                found[wanted] = Threshold(wanted, one.prob, n / len(ranked))
    return tuple(found[wanted] for wanted in WANTED if wanted in found)


def held_out(outcomes: Sequence[Outcome], folds: int = 5) -> list[Outcome]:
    """The values with the probabilities that a fit on the other documents makes of theirs: what a calibration is worth
    on answers that it has not seen. In the order given."""
    documents = sorted({one.document for one in outcomes})
    fold = {document: n % folds for n, document in enumerate(documents)}
    out: list[Outcome] = list(outcomes)
    for k in range(folds):
        rest = [one for one in outcomes if fold[one.document] != k]
        mine = [n for n, one in enumerate(outcomes) if fold[one.document] == k]
        if rest and mine:
            for n, one in zip(mine, Calibration.fit(rest).applied([outcomes[n] for n in mine]), strict=True):
                out[n] = one
    return out


@dataclass(frozen=True)
class Worth:
    """What probabilities of values are worth: how many, the share that is right, the mean probability, the calibration
    error over ten bins of equal mass, and the share that is right of the surer half."""

    count: int
    accuracy: float
    confidence: float
    ece: float
    surer_half: float


def worth(outcomes: Sequence[Outcome]) -> Worth:
    """Raises: InputError if there are no values."""
    if not outcomes:
        raise InputError("there are no labelled values to measure")
    n = len(outcomes)
    half = sorted(outcomes, key=lambda one: -one.prob)[: max(1, n // 2)]
    return Worth(
        n,
        sum(one.right for one in outcomes) / n,
        math.fsum(one.prob for one in outcomes) / n,
        calibration_error(equal_mass(outcomes)),
        sum(one.right for one in half) / len(half),
    )


def logit(prob: float) -> float:
    """ln p/(1 - p), with p kept `EDGE` away from 0 and 1."""
    p = min(max(prob, EDGE), 1 - EDGE)
    return math.log(p) - math.log1p(-p)


def _sigmoid(x: float) -> float:
    less = math.exp(-abs(x))  # so that nothing overflows
    return (1.0 if x >= 0 else less) / (1 + less)


def _fitted(outcomes: Sequence[Outcome], prior: Scale = Scale(), weight: float = 1.0) -> Scale:
    """Newton's method on the log-likelihood of (1 / temperature, shift), with a normal prior of this weight; 1 /
    temperature is `FLATTEST` at least, so that more probable values stay more probable."""
    middle = (1 / prior.temperature, prior.shift)
    slope, shift = middle
    values = [(logit(one.prob), float(one.right)) for one in outcomes]
    for _ in range(50):
        a, b = weight * (slope - middle[0]), weight * (shift - middle[1])  # the gradient
        aa, ab, bb = weight, 0.0, weight  # the curvature
        for x, y in values:
            p = _sigmoid(slope * x + shift)
            a, b = a + (p - y) * x, b + p - y
            w = p * (1 - p)
            aa, ab, bb = aa + w * x * x, ab + w * x, bb + w
        det = aa * bb - ab * ab
        down = ((bb * a - ab * b) / det, (aa * b - ab * a) / det)
        if slope == FLATTEST and a > 0:  # surer values are less often right: of these the shift alone has a say
            down = (0.0, b / bb)
        size = max(1.0, abs(down[0]) / 0.5, abs(down[1]) / 2.0)  # short steps: far away the curvature misleads
        slope, shift = max(FLATTEST, slope - down[0] / size), shift - down[1] / size
        if abs(down[0]) + abs(down[1]) < 1e-9:
            break
    return Scale(1 / slope, shift, len(outcomes))
