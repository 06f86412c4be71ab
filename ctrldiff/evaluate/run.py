"""Ask for every labelled text, and count."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ctrldiff.errors import CanvasWarning
from ctrldiff.evaluate.labelled import Answer, by_schema
from ctrldiff.evaluate.score import Score
from ctrldiff.generate import Generator, Model
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
    score, done, began = Score(), 0, time.process_time()
    for wanted, members in by_schema(answers, schema):
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
