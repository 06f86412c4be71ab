"""What plans get right in how many passes, on labelled texts: one file of figures that is gone on with."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from hashlib import sha256
from math import fsum, isnan
from pathlib import Path
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.evaluate.labelled import Answer
from ctrldiff.evaluate.run import evaluate
from ctrldiff.evaluate.table import table
from ctrldiff.generate import Model
from ctrldiff.report.plot import Point, curves
from ctrldiff.sampling.plan import Plan

__all__ = ["Measured", "compare", "drawn", "read_measured", "tabled", "write_measured"]


@dataclass(frozen=True)
class Measured:
    """A plan at a number of passes, and how it did.

    Fields:
        model: the digest of the weights.      asked: the digest of texts, answers, types, plan and everything else
            that figures depend on.      plan: its name.      told: the passes it may take; None: it decides itself.
        documents: of these `failed` have no answer, and count as wrong.
        fields, objects: shares that are right, with `_error` the standard error; None of fewer than two documents.
        passes: canvases forwarded of a document, mean; what a plan looks at again, to verify or ahead, is among them.
    """

    model: str
    asked: str
    plan: str
    told: int | None
    documents: int
    failed: int
    fields: float
    fields_error: float | None
    objects: float
    objects_error: float | None
    passes: float | None

    @property
    def key(self) -> tuple[str, str, str, int | None]:
        """What tells it from others."""
        return self.model, self.asked, self.plan, self.told


def compare(
    model: Model,
    answers: Sequence[Answer],
    plans: Mapping[tuple[str, int | None], Plan],
    schema: Any = None,
    *,
    known: Iterable[Measured] = (),
    note: Callable[[list[Measured]], object] = lambda measured: None,
    report: Callable[[str, int, int], None] = lambda name, done, total: None,
    **how: Any,
) -> list[Measured]:
    """How plans do at several numbers of passes, in the order of `plans`.

    Args:
        plans: by name and the passes that each is told, None for one that decides itself.
        known: what was measured before; of the same weights, texts and settings it is not measured again.
        note: told all that there is, what is known first, whenever there is more.
        report: told the plan's name, the documents done, and how many there are.
        how: as `Generator` takes it, `plan` aside.
    Raises: InputError and ConstraintError as `evaluate` does.
    """
    every = {one.key: one for one in known}
    out = []
    for (name, told), plan in plans.items():
        key = (model.loaded.digest, asked_of(answers, schema, how | {"plan": plan}), name, told)
        if key not in every:
            label = name if told is None else f"{name}, {told} passes"
            at = partial(report, label)
            score = evaluate(model, answers, schema, fields=False, plan=plan, report=at, **how)
            right, whole = score.all.right, score.objects
            every[key] = Measured(
                *key,
                documents=score.documents,
                failed=sum(score.failed.values()),
                fields=round(right.share, 6),
                fields_error=_known(right.error),
                objects=round(whole.share, 6),
                objects_error=_known(whole.error),
                passes=round(fsum(score.passes) / len(score.passes), 4) if score.passes else None,
            )
            note(list(every.values()))
        out.append(every[key])
    return out


def _known(value: float) -> float | None:
    return None if isnan(value) else round(value, 6)


def asked_of(answers: Sequence[Answer], schema: Any, how: Mapping[str, Any]) -> str:
    """A digest of all that figures depend on beside the weights; of `how`, the plan in it, all but a batch's width."""
    lines = [[one.text, one.output, one.schema, dict(one.also)] for one in answers]
    others = {name: repr(value) for name, value in sorted(how.items()) if name != "batch_size"}
    told = json.dumps([lines, repr(schema), others], sort_keys=True)
    return sha256(told.encode()).hexdigest()[:16]


def read_measured(file: Path) -> list[Measured]:
    """What `write_measured` wrote; nothing if there is no such file. Raises: InputError if it is something else."""
    if not file.exists():
        return []
    names = {one.name for one in fields(Measured)}
    try:
        found = json.loads(file.read_bytes())["measured"]
        if all(set(one) == names for one in found):
            return [Measured(**one) for one in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{str(file)!r} cannot be gone on with: {error}", hint="another file, or none") from error
    raise InputError(f"{str(file)!r} has figures of another kind", hint="another file, or none")


def write_measured(file: Path, measured: Sequence[Measured]) -> None:
    """All of it in one JSON object; the file is whole at any time. Raises: InputError if it cannot be written."""
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(json.dumps({"measured": [asdict(one) for one in measured]}, indent=1) + "\n", encoding="utf-8")
        os.replace(part, file)
    except OSError as error:
        raise InputError(f"{str(file)!r} cannot be written: {error.strerror}") from error


def tabled(measured: Sequence[Measured]) -> str:
    """Markdown, a row for each; shares in percent with their standard error."""
    head = ["plan", "told", "documents", "fields", "objects", "passes", "no answer"]
    rows = []
    for one in measured:
        shares = [_percent(one.fields, one.fields_error), _percent(one.objects, one.objects_error)]
        passes = "-" if one.passes is None else f"{one.passes:.1f}"
        rows.append([one.plan, str(one.told or "-"), f"{one.documents:,}", *shares, passes, f"{one.failed:,}"])
    return table(head, rows) + "\n"


def _percent(share: float, error: float | None) -> str:
    return f"{100 * share:.1f}" + ("" if error is None else f" ± {100 * error:.1f}")


def drawn(measured: Sequence[Measured], title: str) -> str:
    """An SVG of the fields that are right against passes, a line for each plan. Where nothing was answered, no mark."""
    points = [
        Point(one.plan, one.passes, one.fields, one.fields_error or 0.0) for one in measured if one.passes is not None
    ]
    return curves(points, title, "fields right")
