"""Scores as a table for people (markdown) and as plain values (JSON)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ctrldiff.evaluate.score import FieldScore, Score, Tally

FIELDS = 40  # rows of the table by field; JSON has all of them


@dataclass(frozen=True)
class Entry:
    """A model and a plan, and how they did."""

    model: str
    plan: str
    score: Score


def markdown(entries: Sequence[Entry]) -> str:
    """One table with a row for each entry, then one for each by kind of value and by field.

    Shares are in percent, with their standard error; passes and seconds are of one document, and behind a plus stand
    the passes of its probabilities.
    """
    head = [
        "model",
        "plan",
        "documents",
        "fields",
        "objects",
        "null or not",
        "null for stated",
        "invented",
        "list items",
    ]
    head += ["not in the text", "ECE (by chance)", "passes", "processor s", "no answer"]
    parts = [table(head, [[one.model, one.plan, *_row(one.score)] for one in entries])]
    for one in entries:
        name = f"{one.model}, {one.plan}"
        parts.append(f"By the kind of the right value: {name}\n\n{_by('kind', one.score.kinds)}")
        parts.append(f"By field: {name}\n\n{_by('field', one.score.fields)}")
    return "\n\n".join(parts) + "\n"


def facts(entry: Entry) -> dict[str, Any]:
    """The same as plain values; what was not asked is null."""
    score = entry.score
    error, chance = score.calibration
    return {
        "model": entry.model,
        "plan": entry.plan,
        "documents": score.documents,
        **_field_facts(score.all),
        "objects": _tally_facts(score.objects),
        "items": _tally_facts(score.items),
        "not_in_text": _tally_facts(score.not_in_text),
        "ece": _number(error),
        "ece_by_chance": _number(chance),
        "passes": _number(_mean(score.passes)),
        "field_passes": _number(_mean(score.field_passes)),
        "seconds": round(score.seconds, 3),
        "full": score.full,
        "no_answer": dict(score.failed),
        "kinds": {name: _field_facts(one) for name, one in sorted(score.kinds.items())},
        "fields": {name: _field_facts(one) for name, one in score.fields.items()},
    }


def _row(score: Score) -> list[str]:
    error, chance = score.calibration
    tallies = (score.all.right, score.objects, score.all.null, score.all.null_for_stated, score.all.invented)
    return [
        f"{score.documents:,}",
        *map(_percent, (*tallies, score.items, score.not_in_text)),
        "-" if math.isnan(error) else f"{error:.3f} ({chance:.3f})",
        _passes(score),
        f"{score.seconds / max(1, score.documents):.2f}",
        ", ".join(f"{name} {count}" for name, count in score.failed.items()) or "0",
    ]


def _passes(score: Score) -> str:
    if not score.passes:
        return "-"
    more = _mean(score.field_passes)
    return f"{_mean(score.passes):.1f}" + (f" + {more:.1f}" if more else "")


def _by(what: str, scores: dict[str, FieldScore]) -> str:
    head = [what, "asked", "right", "null for stated", "invented", "says", "is right"]
    ranked = sorted(scores.items(), key=lambda item: -item[1].right.asked)
    rows = []
    for name, one in ranked[:FIELDS]:
        says = _mean([outcome.prob for outcome in one.probs])
        right = _mean([outcome.right for outcome in one.probs])
        told = ["-", "-"] if math.isnan(says) else [f"{says:.2f}", f"{right:.2f}"]
        rows.append(
            [
                name or "(the whole)",
                f"{one.right.asked:,}",
                *map(_percent, (one.right, one.null_for_stated, one.invented)),
                *told,
            ]
        )
    more = f"\n\n{len(ranked) - FIELDS:,} more are left out." if len(ranked) > FIELDS else ""
    return table(head, rows) + more


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown, whatever is in the cells."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)])


def _percent(tally: Tally) -> str:
    if not tally.asked:
        return "-"
    error = "" if math.isnan(tally.error) else f" ± {100 * tally.error:.1f}"
    return f"{100 * tally.share:.1f}{error}"


def _field_facts(one: FieldScore) -> dict[str, Any]:
    return {
        "right": _tally_facts(one.right),
        "null": _tally_facts(one.null),
        "null_for_stated": _tally_facts(one.null_for_stated),
        "invented": _tally_facts(one.invented),
        "confidence": _number(_mean([outcome.prob for outcome in one.probs])),
        "accuracy_of_those": _number(_mean([outcome.right for outcome in one.probs])),
    }


def _tally_facts(tally: Tally) -> dict[str, Any]:
    share, error = _number(tally.share), _number(tally.error)
    return {"yes": tally.yes, "asked": tally.asked, "share": share, "error": error}


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 6)
