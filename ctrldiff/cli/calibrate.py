"""`ctrldiff calibrate`: what probabilities are worth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import JsonOption, ModelOption
from ctrldiff.cli.said import check_outputs, schema_of


@app.command()
def calibrate(
    file: Annotated[Path, typer.Argument(help='JSON lines: {"text", "label", "labels"} or {"probs", "label"}.')],
    svg: Annotated[Path | None, typer.Option(help="Where the reliability diagram goes.")] = None,
    bins: Annotated[int, typer.Option(min=1, help="Bins of each kind.")] = 10,
    schema: Annotated[
        str | None, typer.Option("--schema", "-s", help='Lines are {"text", "output"}: objects, judged value by value.')
    ] = None,
    fit: Annotated[
        Path | None, typer.Option(help="Where the fitted calibration of values goes, for --calibration.")
    ] = None,
    ask: Annotated[str | None, typer.Option(help="The name of the wanted value.")] = None,
    model: ModelOption = "tiny",
    batch_size: Annotated[int, typer.Option(min=1, help="Texts per forward pass.")] = 16,
    as_json: JsonOption = False,
) -> None:
    """Measure decisions: accuracy, calibration error, Brier score, log loss, and a reliability table.

    With --schema or --fit: the values of objects, by kind, before and after a fit, each judged by a fit on other lines.
    """
    check_outputs(svg, fit, read=[file, schema])
    if schema is not None or fit is not None:
        if svg is not None or ask is not None:
            from ctrldiff.errors import InputError

            said, why = (
                "--ask" if svg is None else "--svg",
                "with --schema or --fit it is the values of objects that are judged",
            )
            raise InputError(f"{said} is for decisions", why=why, hint=f"leave out {said}")
        return _values(file, schema, fit, model, batch_size, as_json)
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


def _values(file: Path, schema: str | None, fit: Path | None, model: str, batch_size: int, as_json: bool) -> None:
    """Fit the probabilities of values on labelled objects."""
    from ctrldiff.calibrate import judge
    from ctrldiff.evaluate.labelled import read_answers
    from ctrldiff.generate import from_pretrained
    from ctrldiff.reliability import HOLDERS, Calibration, held_out, worth

    answers = read_answers(file)
    wanted = None if schema is None else schema_of(schema)
    outcomes = judge(from_pretrained(model), answers, wanted, batch_size=batch_size)
    after, fitted = held_out(outcomes), Calibration.fit(outcomes)
    rows = {}
    for kind in ("values", *sorted({one.kind for one in outcomes})):
        mine = [
            n for n, one in enumerate(outcomes) if one.kind == kind or (kind == "values" and one.kind not in HOLDERS)
        ]
        if mine:
            rows[kind] = (worth([outcomes[n] for n in mine]), worth([after[n] for n in mine]))
    if fit is not None:
        fitted.save(fit)
    if as_json:
        facts = {kind: {"before": vars(a), "after": vars(b)} for kind, (a, b) in rows.items()}
        print(json.dumps({"kinds": facts, "thresholds": [one._asdict() for one in fitted.thresholds]}, allow_nan=False))
    else:
        from ctrldiff.cli.show import show_reliability

        show_reliability(rows, fitted)
