"""`ctrldiff report`: a job on one page."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import JsonOption
from ctrldiff.cli.said import check_outputs, write_page


@app.command()
def report(
    job: Annotated[Path, typer.Argument(help="A job's folder, or an output of `ctrldiff extract`, JSON lines.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the page goes.")] = Path("report.html"),
    labelled: Annotated[
        Path | None,
        typer.Option(
            help='Labelled lines, {"id", "text", "output"}: how many values are right, and how sure they were.'
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write one HTML file on a job: what became of it, how sure its values are, what failed, a sample of documents.

    The file needs no network, and nothing else. Labels go with rows by their ids, and where a line has none by its
    number in the input.
    """
    from ctrldiff.extract.done import read_plan, read_rows
    from ctrldiff.report.job import job_page
    from ctrldiff.report.tally import JobTally

    check_outputs(out, read=[job, labelled])
    labels = {} if labelled is None else _labels(labelled)
    tally = JobTally()
    for row in read_rows(job):
        known = labels.get(row.n) if row.id is None else labels.get(json.dumps(row.id), labels.get(row.n))
        tally.add(row, None if known is None or row.code is not None else _right(row.record["output"], known))
    write_page(out, job_page(tally, name=job.name, plan=read_plan(job)))
    mean, error = tally.values.mean, tally.values.error
    if as_json:
        figures: dict[str, Any] = {
            "page": str(out),
            "done": tally.done,
            "failed": tally.failed,
            "codes": dict(tally.codes),
        }
        figures |= {"mean_prob": None if math.isnan(mean) else mean, "ece": None if math.isnan(error) else error}
        print(json.dumps(figures, allow_nan=False))
    else:
        print(f"{out}: {tally.done + tally.failed:,} documents, {tally.failed:,} failed")


def _labels(file: Path) -> Mapping[object, Any]:
    """Labelled answers by their id, as JSON, or by their number. Raises: InputError if two have the same id."""
    from ctrldiff.errors import InputError
    from ctrldiff.evaluate.labelled import read_answers

    labels: dict[object, Any] = {}
    for n, one in enumerate(read_answers(file)):
        key = n if one.id is None else json.dumps(one.id)
        if key in labels:
            raise InputError(f"{one.where}: id {key} is that of {labels[key].where}, too", hint="a line for each id")
        labels[key] = one
    return labels


def _right(output: Any, label: Any) -> dict[str, bool]:
    """Whether each value of an output is the labelled one, by its name."""
    from ctrldiff.evaluate.equal import right_at
    from ctrldiff.report.tally import leaves

    wanted = tuple(label.outputs())
    verdicts = {name: right_at(name, value, wanted) for name, value in leaves(output)}
    return {name: one for name, one in verdicts.items() if one is not None}
