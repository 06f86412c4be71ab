"""One figure of a benchmark, and all figures of a run as one JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles

FORMAT = 1


@dataclass(frozen=True)
class Record:
    """What was measured (`name`), of what (`parameters`), and the figure.

    Fields:
        median: in `unit`; None where there is no figure, and `note` says why.
        spread: half the distance between the quartiles, None of a single call.
        n: how many calls.
        ratio: the median over that of `ratio_to`, taken in turns with it in the same run.
        peak_mib: how far the resident size rose at most, beside what was there before.
    """

    name: str
    parameters: Mapping[str, str | int]
    unit: str
    median: float | None
    spread: float | None = None
    n: int = 1
    ratio: float | None = None
    ratio_to: str = ""
    peak_mib: float | None = None
    note: str = ""

    @staticmethod
    def of(
        name: str,
        values: list[float],
        unit: str,
        *,
        to: tuple[str, float] | None = None,
        peak_mib: float | None = None,
        note: str = "",
        **parameters: str | int,
    ) -> Record:
        """From the figures of single calls; `to` names what the ratio is to, and its median."""
        middle = median(values)
        spread = None
        if len(values) > 1:
            low, _, high = quantiles(values, n=4, method="inclusive")
            spread = (high - low) / 2
        against = (middle / to[1], to[0]) if to else (None, "")
        return Record(name, parameters, unit, middle, spread, len(values), *against, peak_mib, note)

    @staticmethod
    def one(name: str, value: float, unit: str = "", **parameters: str | int) -> Record:
        """A count, or anything else that is what it is at the first look."""
        return Record(name, parameters, unit, value)

    @staticmethod
    def none(name: str, why: str, **parameters: str | int) -> Record:
        """No figure, and why."""
        return Record(name, parameters, "", None, n=0, note=why)


@dataclass(frozen=True)
class Suite:
    """The records of one benchmark module; where and when they were taken.

    Fields:
        load: the machine's load average over a minute, before and after.
        wall_s, processor_s: what taking them took.
        skipped: why there are none, or "".
    """

    taken: str
    machine: str
    versions: Mapping[str, str]
    load: tuple[float, float]
    quick: bool
    wall_s: float
    processor_s: float
    records: tuple[Record, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class Report:
    """The suites of a run, by name."""

    suites: Mapping[str, Suite] = field(default_factory=dict)

    def but(self, name: str, suite: Suite) -> Report:
        """With one suite taken anew."""
        return Report({**self.suites, name: suite})

    def write(self, path: Path) -> None:
        """As JSON, six digits a figure."""
        told = {"format": FORMAT, "suites": {name: _short(asdict(suite)) for name, suite in self.suites.items()}}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Report:
        """What `write` wrote. Raises: ValueError for another format."""
        told = json.loads(path.read_text(encoding="utf-8"))
        if told.get("format") != FORMAT:
            raise ValueError(f"{path} has format {told.get('format')!r}, not {FORMAT}: take the figures anew")
        suites = {}
        for name, suite in told["suites"].items():
            records = tuple(Record(**one) for one in suite.pop("records"))
            suites[name] = Suite(**{**suite, "load": tuple(suite["load"])}, records=records)
        return Report(suites)


def _short(value: object) -> object:
    """Floats to six digits."""
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_short(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
