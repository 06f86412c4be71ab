"""`ctrldiff eval`: how models and plans do on labelled texts."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import (
    CalibrationOption,
    JsonOption,
    MaybeSchemaOption,
    PromptOption,
    SeedOption,
    StepsOption,
    TemperatureOption,
    TokensOption,
    UnsureOption,
)
from ctrldiff.cli.said import clock, doubts, schema_of, shown, told


@app.command(name="eval")
def evaluate(
    file: Annotated[Path, typer.Argument(help='JSON lines: {"text": ..., "output": {...}}; see docs/report.md.')],
    schema: MaybeSchemaOption = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", "-m", help='"tiny" or a model folder; repeatable.')
    ] = None,
    plan: Annotated[
        list[str] | None, typer.Option("--plan", help='"default" or a preset, as in --preset; repeatable.')
    ] = None,
    fields: Annotated[
        bool, typer.Option("--fields/--no-fields", help="Probabilities of values, for calibration.")
    ] = True,
    steps: StepsOption = None,
    max_new_tokens: TokensOption = None,
    temperature: TemperatureOption = None,
    seed: SeedOption = 0,
    unsure: UnsureOption = "flag",
    calibration: CalibrationOption = None,
    prompt_file: PromptOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Documents per forward pass.")] = 16,
    as_json: JsonOption = False,
) -> None:
    """Measure fields, objects, nulls, made-up values, calibration and cost; one row for each model and plan.

    The table is markdown on standard output. Exit status 0 whatever the figures.
    """
    from ctrldiff.evaluate.labelled import read_answers
    from ctrldiff.evaluate.table import Entry, facts, markdown

    answers = read_answers(file)
    wanted = None if schema is None else schema_of(schema)
    names = plan or ["default"]
    plans = {name: clock(None if name == "default" else name, steps, temperature) for name in names}
    how = told(unsure, None, max_new_tokens=max_new_tokens, seed=seed, **shown(prompt_file, None))
    how |= doubts(fields, calibration, None)

    from ctrldiff.cli.show import progress
    from ctrldiff.evaluate.run import evaluate as measured
    from ctrldiff.generate import from_pretrained

    entries = []
    for folder, name in product(model or ["tiny"], names):
        loaded = from_pretrained(folder)
        with progress("evaluating", hidden=as_json) as report:
            score = measured(loaded, answers, wanted, batch_size=batch_size, report=report, **how, **plans[name])
        entries.append(Entry(folder, name, score))
    if as_json:
        print(json.dumps([facts(one) for one in entries], ensure_ascii=False, allow_nan=False))
    else:
        print(markdown(entries), end="")
