"""What a job's rows add up to. Memory grows with the names of the fields, not with the rows."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ctrldiff.pointer import name_of, place_in_list, pointer_of, unescaped
from ctrldiff.report.rows import JobRow

BINS = 10
NAMES = 500  # fields by name; values of others are counted together
OTHERS = "(other fields)"
EXAMPLES, SLOWEST, SAMPLE = 3, 10, 12
UNSURE = 0.5  # values less probable than this are counted apart


@dataclass
class Bins:
    """Values by their probability, in ten bins of equal width; and of those that were judged, how many were right."""

    counts: list[int] = field(default_factory=lambda: [0] * BINS)
    total: float = 0.0
    judged: list[int] = field(default_factory=lambda: [0] * BINS)
    right: list[int] = field(default_factory=lambda: [0] * BINS)
    judged_total: list[float] = field(default_factory=lambda: [0.0] * BINS)

    def add(self, prob: float, right: bool | None = None) -> None:
        at = min(BINS - 1, max(0, int(prob * BINS)))
        self.counts[at] += 1
        self.total += prob
        if right is not None:
            self.judged[at] += 1
            self.right[at] += right
            self.judged_total[at] += prob

    @property
    def count(self) -> int:
        return sum(self.counts)

    @property
    def mean(self) -> float:
        """The mean probability; NaN of none."""
        return self.total / self.count if self.count else math.nan

    @property
    def error(self) -> float:
        """The calibration error of those that were judged; NaN of none."""
        n = sum(self.judged)
        gaps = (abs(right - total) for right, total in zip(self.right, self.judged_total, strict=True))
        return sum(gaps) / n if n else math.nan


@dataclass
class FieldTally:
    """One field over all answers. `judged` and `right` are of those with a label; `least` are the least probable
    values: minus the probability, which row, its name and the value."""

    count: int = 0
    nulls: int = 0
    flagged: int = 0
    unsure: int = 0
    judged: int = 0
    right: int = 0
    bins: Bins = field(default_factory=Bins)
    least: list[tuple[float, int, str, str]] = field(default_factory=list)


@dataclass
class JobTally:
    """Rows, added one by one."""

    done: int = 0
    failed: int = 0
    full: int = 0
    flagged: int = 0
    nulled: int = 0
    forwards: int = 0
    other_calls: int = 0
    seconds: float = 0.0
    costed: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    errors: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    fields: dict[str, FieldTally] = field(default_factory=dict)
    values: Bins = field(default_factory=Bins)
    slowest: list[tuple[float, int, JobRow]] = field(default_factory=list)
    sample: list[JobRow] = field(default_factory=list)
    doubtful: list[tuple[float, int, JobRow]] = field(default_factory=list)

    def add(self, row: JobRow, right: Mapping[str, bool] | None = None) -> None:
        """Count a row. `right` says by the name of a field whether its value was."""
        if row.seconds is not None and (row.forwards or row.code is None):  # what is refused at once costs nothing
            self.seconds += row.seconds
            self.forwards += row.forwards or 0
            self.other_calls += row.record.get("usage", {}).get("other_calls", 0)
            self.costed += 1
            _keep(self.slowest, (row.seconds, row.n, row), SLOWEST)
        if row.code is not None:
            self.failed += 1
            self.codes[row.code] += 1
            seen = self.errors.setdefault(row.code, [])
            if len(seen) < EXAMPLES:
                seen.append((row.name, str(row.record.get("error", ""))))
            return
        self.done += 1
        record = row.record
        self.full += bool(record.get("full"))
        flags = record.get("flags") or ()
        self.flagged += bool(flags)
        self.nulled += sum(bool(flag.get("nulled")) for flag in flags)
        for flag in flags:
            self._named(_general(flag["where"], record["output"])).flagged += 1
        told = record.get("fields") or {}
        probs = [self._value(row, name, value, told.get(name), right) for name, value in leaves(record["output"])]
        if right:
            for name, is_right in right.items():
                one = self._named(_general(pointer_of(name), record["output"]))
                one.judged, one.right = one.judged + 1, one.right + is_right
        if row.text is not None:
            if len(self.sample) < SAMPLE:
                self.sample.append(row)
            else:
                least = min((p for p in probs if p is not None), default=_per_token(record))
                _keep(self.doubtful, (-least, row.n, row), SAMPLE)

    def _value(
        self, row: JobRow, name: str, value: Any, told: Mapping[str, Any] | None, right: Mapping[str, bool] | None
    ) -> float | None:
        one = self._named(_general(pointer_of(name), row.record["output"]))
        one.count += 1
        one.nulls += value is None
        if told is None:
            return None
        prob = float(told["prob"])
        verdict = (right or {}).get(name)
        one.bins.add(prob, verdict)
        self.values.add(prob, verdict)
        one.unsure += prob < UNSURE
        _keep(one.least, (-prob, row.n, row.name, str(value)), EXAMPLES)
        return prob

    def _named(self, name: str) -> FieldTally:
        if name not in self.fields and len(self.fields) >= NAMES:
            name = OTHERS
        return self.fields.setdefault(name, FieldTally())


def leaves(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that holds no other, by its name: "total", "items/0/price"; "" is the whole."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if inner is None or not value:
        yield name_of(at), value
        return
    for key, part in inner:
        step = str(key).replace("~", "~0").replace("/", "~1")
        yield from leaves(part, f"{at}/{step}")


def _general(at: str, value: Any) -> str:
    """The name of what stands there in a value, with places in lists left open."""
    open_at = ""
    for step in at.split("/")[1:]:
        open_at += "/*" if isinstance(value, list) else f"/{step}"
        if isinstance(value, list):
            place = place_in_list(step)
            value = value[place] if place is not None and place < len(value) else None
        else:
            value = value.get(unescaped(step)) if isinstance(value, dict) else None
    return name_of(open_at)


def _per_token(record: Mapping[str, Any]) -> float:
    """The mean log-probability of an answer's tokens: what there is without probabilities of values."""
    return float(record.get("log_prob") or 0.0) / max(1, record.get("usage", {}).get("answer_tokens", 1))


def _keep(heap: list[Any], item: tuple[Any, ...], most: int) -> None:
    """The `most` largest that have come."""
    if len(heap) < most:
        heapq.heappush(heap, item)
    elif item[:2] > heap[0][:2]:
        heapq.heapreplace(heap, item)
