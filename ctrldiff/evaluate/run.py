"""Ask for every labelled text, and count."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ctrldiff.errors import CanvasWarning, InputError
from ctrldiff.evaluate.labelled import Answer
from ctrldiff.evaluate.score import Score
from ctrldiff.generate import Generator, Model
from ctrldiff.json_schema import JsonSchema
from ctrldiff.limits import DEFAULT


def evaluate(
    model: Model,
    answers: Sequence[Answer],
    schema: Any = None,
    *,
    fields: bool = True,
    batch_size: int = 16,
    report: Callable[[int, int], None] = lambda done, total: None,
    **how: Any,
) -> Score:
    """How a model does on labelled texts.

    Args:
        schema: for lines that have none of their own.
        fields: ask for the probability of every value too, which calibration is measured by, and takes about as long
            again.
        how: as `Generator` takes it: `plan=`, `steps=`, `calibration=`, ...
    Raises: InputError for a line without a schema, ConstraintError for a schema that is refused. A text that has no
        answer is counted as one.
    """
    groups: dict[str, list[int]] = {}
    for n, one in enumerate(answers):
        if one.schema is None and schema is None:
            raise InputError(f"{one.where}: no schema", hint="--schema SCHEMA, or a schema in the line")
        groups.setdefault("" if one.schema is None else json.dumps(one.schema), []).append(n)
    score, done, began = Score(), 0, time.process_time()
    for members in groups.values():
        own = answers[members[0]].schema
        wanted = schema if own is None else own
        wanted = wanted if isinstance(wanted, JsonSchema) else JsonSchema(wanted, optional="write")
        shape = wanted.shape(how.get("limits", DEFAULT))
        generator = Generator(model, wanted, batch_size=batch_size, on_error="keep", fields=fields, **how)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CanvasWarning)  # they are counted
            results = generator([answers[n].text for n in members])
        for n, result in zip(members, results, strict=True):
            score.add(answers[n], result, shape)
            done += 1
            report(done, len(answers))
    score.seconds = time.process_time() - began
    return score
