"""Are probabilities worth what they say? Bins, calibration error, proper scores and a plot; no model, no arrays."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ctrldiff.errors import InputError

__all__ = [
    "Bin",
    "Prediction",
    "Report",
    "calibration_error",
    "equal_mass",
    "equal_width",
    "error_by_chance",
    "report",
    "svg",
]

SLACK = 1e-3  # how far label probabilities may be from adding up to 1


@dataclass(frozen=True)
class Prediction:
    """Label probabilities, and the label that was right.

    Raises: InputError if the probabilities are not ones, do not add up to 1 (to 0.001), or lack the right label.
    """

    probs: Mapping[str, float]
    label: str

    def __post_init__(self) -> None:
        if not isinstance(self.probs, Mapping):
            raise InputError(f"the probabilities are a {type(self.probs).__name__}", hint="label to probability")
        for name, p in self.probs.items():
            if isinstance(p, bool) or not isinstance(p, int | float) or not 0 <= p <= 1 + SLACK:
                raise InputError(f"the probability of {name!r} is {p!r}: no number from 0 to 1", label=name)
        total = math.fsum(self.probs.values())
        if abs(total - 1) > SLACK:
            raise InputError(f"the probabilities add up to {total:.6g}, not to 1", total=total)
        if self.label not in self.probs:
            raise InputError(
                f"the right label {self.label!r} has no probability", why="there are: " + ", ".join(self.probs)
            )

    @property
    def best(self) -> str:
        """The most probable label; of equal ones the first."""
        return max(self.probs, key=lambda name: self.probs[name])

    @property
    def confidence(self) -> float:
        """The probability of the best label."""
        return min(1.0, self.probs[self.best])

    @property
    def right(self) -> bool:
        """Is the best label the right one?"""
        return self.best == self.label


class Judged(Protocol):
    """What was said with some confidence, and turned out right or not."""

    @property
    def confidence(self) -> float: ...
    @property
    def right(self) -> bool: ...


@dataclass(frozen=True)
class Bin:
    """Predictions of like confidence.

    Fields: low, high (the ends: of the bin for equal width, of the confidences in it for equal mass); count;
        confidence (mean); accuracy (share right); spread (the sum of c(1 - c), the variance of the number of right
        ones if confidences were true).
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float
    spread: float

    @property
    def gap(self) -> float:
        """accuracy - confidence: negative where the model is too sure."""
        return self.accuracy - self.confidence

    @property
    def interval(self) -> tuple[float, float]:
        """The accuracy's 95 % Wilson interval."""
        z, n, p = 1.96, self.count, self.accuracy
        middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, (middle - reach) / (1 + z * z / n)), min(1.0, (middle + reach) / (1 + z * z / n))


def equal_width(predictions: Sequence[Judged], bins: int = 10) -> list[Bin]:
    """Bins ((k - 1)/n, k/n] by confidence, 0 in the first; those with nothing in them are left out."""
    edges = [k / _at_least_one(bins) for k in range(bins + 1)]
    groups: list[list[Judged]] = [[] for _ in range(bins)]
    for one in predictions:
        groups[max(0, bisect_left(edges, one.confidence) - 1)].append(one)
    return [_bin(group, edges[k], edges[k + 1]) for k, group in enumerate(groups) if group]


def equal_mass(predictions: Sequence[Judged], bins: int = 10) -> list[Bin]:
    """Bins of as equal a count as ties allow: equal confidences stay together, so the order of a file is nothing."""
    ranked = sorted(predictions, key=lambda one: one.confidence)
    out, start = [], 0
    for k in range(1, _at_least_one(bins) + 1):
        stop = max(start, round(k * len(ranked) / bins))
        while 0 < stop < len(ranked) and ranked[stop].confidence == ranked[stop - 1].confidence:
            stop += 1
        if stop > start:
            out.append(_bin(ranked[start:stop], ranked[start].confidence, ranked[stop - 1].confidence))
        start = stop
    return out


def _at_least_one(bins: int) -> int:
    if isinstance(bins, bool) or not isinstance(bins, int) or bins < 1:
        raise InputError(f"bins={bins}: at least 1", param="bins")
    return bins


def _bin(group: Sequence[Judged], low: float, high: float) -> Bin:
    n, sure = len(group), [one.confidence for one in group]
    return Bin(
        low=low,
        high=high,
        count=n,
        confidence=math.fsum(sure) / n,
        accuracy=sum(one.right for one in group) / n,
        spread=math.fsum(c * (1 - c) for c in sure),
    )


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error: mean |accuracy - confidence| of the bins, weighed by their counts.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599.
    """
    total = sum(one.count for one in bins)
    return math.fsum(one.count * abs(one.gap) for one in bins) / total if total else 0.0


def error_by_chance(bins: Sequence[Bin]) -> float:
    """About the calibration error that so few predictions would show if every confidence were true.

    Each bin's gap is taken as normal: its mean size is sqrt(2 / pi) standard deviations.
    """
    total = sum(one.count for one in bins)
    return math.fsum(math.sqrt(2 * one.spread / math.pi) for one in bins) / total if total else 0.0


@dataclass(frozen=True)
class Report:
    """What a set of predictions is worth.

    Fields: count; accuracy; confidence (mean of the best label's); ece_mass, ece_width (calibration error over
        equal-mass and equal-width bins); chance_mass, chance_width (see `error_by_chance`); brier (mean over
        predictions of the sum over labels of (p - right)^2: from 0 to 2); log_loss (mean -ln p of the right label,
        nats; inf if one had probability 0); mass, width (the bins).
    """

    count: int
    accuracy: float
    confidence: float
    ece_mass: float
    ece_width: float
    chance_mass: float
    chance_width: float
    brier: float
    log_loss: float
    mass: tuple[Bin, ...]
    width: tuple[Bin, ...]


def report(predictions: Sequence[Prediction], bins: int = 10) -> Report:
    """Every figure at once. Raises: InputError if there are no predictions or no bins."""
    if not predictions:
        raise InputError("there are no predictions to measure")
    n = len(predictions)
    mass, width = equal_mass(predictions, bins), equal_width(predictions, bins)
    return Report(
        count=n,
        accuracy=sum(one.right for one in predictions) / n,
        confidence=math.fsum(one.confidence for one in predictions) / n,
        ece_mass=calibration_error(mass),
        ece_width=calibration_error(width),
        chance_mass=error_by_chance(mass),
        chance_width=error_by_chance(width),
        brier=math.fsum((p - (k == one.label)) ** 2 for one in predictions for k, p in one.probs.items()) / n,
        log_loss=math.fsum(_surprise(one.probs[one.label]) for one in predictions) / n,
        mass=tuple(mass),
        width=tuple(width),
    )


def _surprise(p: float) -> float:
    return -math.log(p) if p > 0 else math.inf


def svg(measured: Report, title: str = "Calibration") -> str:
    """A reliability diagram: accuracy against confidence by equal-mass bin, with 95 % intervals.

    The area of a dot is its bin's share; below the counts of the equal-width bins.
    """
    left, top, side, strip = 60, 40, 320, 60
    bottom = top + side

    def x(value: float) -> str:
        return f"{left + side * value:.1f}"

    def y(value: float) -> str:
        return f"{bottom - side * value:.1f}"

    safe = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 420 {bottom + strip + 70}" font-family="sans-serif" '
        'font-size="11" fill="#333">',
        f"<title>{safe}</title>",
        f'<rect width="420" height="{bottom + strip + 70}" fill="#fff"/>',
        f'<text x="{left}" y="18" font-size="14">{safe}</text>',
        f'<text x="{left}" y="33">{measured.count:,} predictions, accuracy {measured.accuracy:.3f}, '
        f"ECE {measured.ece_mass:.3f} (equal mass)</text>",
        f'<rect x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="#999"/>',
        f'<line x1="{x(0)}" y1="{y(0)}" x2="{x(1)}" y2="{y(1)}" stroke="#999" stroke-dasharray="4 4"/>',
    ]
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(f'<text x="{x(tick)}" y="{bottom + 14}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{left - 6}" y="{float(y(tick)) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text x="{x(0.5)}" y="{bottom + strip + 44}" text-anchor="middle">confidence, and how often</text>')
    parts.append(f'<text transform="translate(20 {y(0.5)}) rotate(-90)" text-anchor="middle">accuracy</text>')
    for one in measured.mass:
        low, high = one.interval
        at, size = x(one.confidence), 3 + 9 * math.sqrt(one.count / measured.count)
        parts.append(f'<line x1="{at}" y1="{y(low)}" x2="{at}" y2="{y(high)}" stroke="#1f6feb" stroke-width="1.5"/>')
        parts.append(
            f'<circle cx="{at}" cy="{y(one.accuracy)}" r="{size:.1f}" fill="#1f6feb" fill-opacity="0.75">'
            f"<title>{one.count} predictions: confidence {one.confidence:.3f}, accuracy {one.accuracy:.3f}</title>"
            "</circle>"
        )
    most, floor = max(one.count for one in measured.width), bottom + strip + 26
    for one in measured.width:
        tall = strip * one.count / most
        parts.append(
            f'<rect x="{x(one.low)}" y="{floor - tall:.1f}" width="{side * (one.high - one.low) - 1:.1f}" '
            f'height="{tall:.1f}" fill="#999"><title>{one.count}</title></rect>'
        )
    return "\n".join([*parts, "</svg>", ""])
