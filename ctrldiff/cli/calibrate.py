"""`ctrldiff calibrate`: what probabilities are worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import JsonOption, ModelOption


@app.command()
def calibrate(
    file: Annotated[Path, typer.Argument(help='JSON lines: {"text", "label", "labels"} or {"probs", "label"}.')],
    svg: Annotated[Path | None, typer.Option(help="Where the reliability diagram goes.")] = None,
    bins: Annotated[int, typer.Option(min=1, help="Bins of each kind.")] = 10,
    ask: Annotated[str | None, typer.Option(help="The name of the wanted value.")] = None,
    model: ModelOption = "tiny",
    batch_size: Annotated[int, typer.Option(min=1, help="Texts per forward pass.")] = 16,
    as_json: JsonOption = False,
) -> None:
    """Measure decisions: accuracy, calibration error, Brier score, log loss, and a reliability table."""
    from ctrldiff.calibrate import Question, predict, read_lines
    from ctrldiff.calibration import Prediction, report
    from ctrldiff.calibration import svg as drawn
    from ctrldiff.errors import InputError

    lines = read_lines(file)
    predictions = [line for line in lines if isinstance(line, Prediction)]
    if any(isinstance(line, Question) for line in lines):
        from ctrldiff.generate import from_pretrained

        predictions = predict(from_pretrained(model), lines, ask=ask, batch_size=batch_size)
    measured = report(predictions, bins)
    if svg is not None:
        try:
            svg.write_text(drawn(measured, title=file.name), encoding="utf-8")
        except OSError as error:
            raise InputError(f"{str(svg)!r} cannot be written: {error.strerror}") from error
    if as_json:
        facts = vars(measured) | {
            "log_loss": None if measured.log_loss == float("inf") else measured.log_loss,
            "mass": [vars(one) for one in measured.mass],
            "width": [vars(one) for one in measured.width],
        }
        print(json.dumps(facts, allow_nan=False))
    else:
        from ctrldiff.cli.show import show_calibration

        show_calibration(measured)
