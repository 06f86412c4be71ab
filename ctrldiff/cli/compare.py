"""`ctrldiff compare`: plans on labelled texts, at several numbers of passes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import (
    JsonOption,
    MaybeSchemaOption,
    ModelOption,
    PromptOption,
    SeedOption,
    TemperatureOption,
    TokensOption,
)
from ctrldiff.cli.said import check_outputs, clock, schema_of, shown, write_page

if TYPE_CHECKING:
    from ctrldiff.sampling.plan import Plan


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help='JSON lines: {"text": ..., "output": {...}}; see docs/report.md.')],
    schema: MaybeSchemaOption = None,
    model: ModelOption = "tiny",
    plan: Annotated[
        list[str] | None, typer.Option("--plan", help='"default" or a preset, as in --preset; repeatable.')
    ] = None,
    passes: Annotated[
        str, typer.Option("--passes", help="How many passes plans that take a number are given, one after the other.")
    ] = "1,4,8,16",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="JSON with the figures; what it has of the same question is not asked again."),
    ] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="A drawing: fields that are right against passes.")] = None,
    max_new_tokens: TokensOption = None,
    temperature: TemperatureOption = None,
    seed: SeedOption = 0,
    prompt_file: PromptOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Documents per forward pass.")] = 16,
    as_json: JsonOption = False,
) -> None:
    """Measure fields and objects against passes; a row for each plan and number of passes.

    Plans that decide themselves how many passes they take have one row. The table is markdown on standard output.
    """
    from ctrldiff.evaluate.labelled import read_answers

    check_outputs(out, svg, read=[file, schema])
    answers = read_answers(file)
    wanted = None if schema is None else schema_of(schema)
    plans = paced(plan or ["default"], passes, temperature)
    how = {"max_new_tokens": max_new_tokens, "seed": seed, **shown(prompt_file, None)}

    from ctrldiff.cli.show import progress
    from ctrldiff.evaluate.curve import compare as compared
    from ctrldiff.evaluate.curve import drawn, read_measured, tabled, write_measured
    from ctrldiff.generate import from_pretrained

    known = read_measured(out) if out is not None else []
    loaded = from_pretrained(model)
    with progress("comparing", hidden=as_json) as report:

        def told(name: str, done: int, total: int) -> None:
            before = [f"{at}, {n} passes" if n else at for at, n in plans].index(name)
            report(before * total + done, len(plans) * total)

        measured = compared(
            *(loaded, answers, plans, wanted),
            known=known,
            note=lambda every: write_measured(out, every) if out is not None else None,
            report=told,
            batch_size=batch_size,
            **how,
        )
    if svg is not None:
        write_page(svg, drawn(measured, f"{file.name}: {len(answers):,} documents"))
    if as_json:
        print(json.dumps([asdict(one) for one in measured], ensure_ascii=False, allow_nan=False))
    else:
        print(tabled(measured), end="")


def paced(names: list[str], passes: str, temperature: float | None) -> dict[tuple[str, int | None], Plan]:
    """Every plan at every number of passes, if it takes one. Raises: InputError."""
    from inspect import signature

    from ctrldiff.errors import InputError
    from ctrldiff.sampling.presets import PRESETS

    counts = [int(one) for one in passes.split(",") if one.strip().isdecimal()]
    if not counts or len(counts) != len(passes.split(",")) or 0 in counts:
        raise InputError(f"--passes {passes}", hint="numbers from 1 on with commas between them: 1,4,8,16")
    out: dict[tuple[str, int | None], Plan] = {}
    for spec in names:
        name, _, knobs = spec.partition(":")
        takes = name in PRESETS and "steps" in signature(PRESETS[name]).parameters and "steps=" not in knobs
        for count in counts if takes else [None]:
            said: dict[str, Any] = clock(spec, count, temperature)
            out[spec, count] = said["plan"]
    return out
