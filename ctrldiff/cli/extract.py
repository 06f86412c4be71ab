"""`ctrldiff extract`: a file of documents."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import (
    BelowOption,
    CalibrationOption,
    DocumentsOption,
    ExamplesOption,
    FieldsOption,
    GuideOption,
    JsonOption,
    ModelOption,
    PresetOption,
    PromptOption,
    SchemaOption,
    SeedOption,
    StepsOption,
    TemperatureOption,
    ThreadsOption,
    TokensOption,
    UnsureOption,
    beside,
    clock,
    doubts,
    shown,
    told,
)


@app.command()
def extract(
    file: Annotated[Path, typer.Argument(help='JSON lines, one document each; "-" reads standard input.')],
    schema: SchemaOption,
    out: Annotated[Path, typer.Option("--out", "-o", help='Where answers go, JSON lines; "-" is standard output.')],
    documents: DocumentsOption = None,
    field: Annotated[str, typer.Option(help="The key that holds a document's text.")] = "text",
    failed: Annotated[
        Path | None,
        typer.Option(
            help="Where lines that fail go, with why. Default: OUT.failed.jsonl, or standard error if OUT is a stream."
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew, whatever is in OUT.")] = False,
    model: ModelOption = "tiny",
    steps: StepsOption = None,
    preset: PresetOption = None,
    max_new_tokens: TokensOption = None,
    temperature: TemperatureOption = 0.0,
    seed: SeedOption = 0,
    unsure: UnsureOption = "flag",
    fields: FieldsOption = False,
    calibration: CalibrationOption = None,
    below: BelowOption = None,
    guide: GuideOption = None,
    prompt_file: PromptOption = None,
    examples: ExamplesOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Documents per forward pass.")] = 16,
    threads: ThreadsOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first line that cannot be used.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn a file of documents into a file of objects. The same command goes on where a stopped one was.

    Exit status: 0 if every line has an answer; 1 if some failed; 2 if the run is refused or cannot go on, with the
    reason; 130 and 143 after Ctrl-C and SIGTERM. Whatever ends it, the files hold whole lines.
    """
    from ctrldiff.extract.ledger import refuse_foreign
    from ctrldiff.extract.places import STREAM, Places
    from ctrldiff.extract.stop import Terminated, terminable
    from ctrldiff.json_schema import JsonSchema

    # What can be refused without a model is refused before it is loaded.
    places = Places.of(file, out, failed)
    refuse_foreign(places, overwrite)
    wanted = JsonSchema(schema, optional="write", **beside(documents))
    places.spare(schema)
    if wanted.over("a text").report().refused:
        wanted.over("a text").expression()
    asked = told(
        unsure,
        guide,
        **doubts(fields, calibration, below),
        max_new_tokens=max_new_tokens,
        seed=seed,
        **clock(preset, steps, temperature),
    )
    asked |= shown(prompt_file, examples)

    from ctrldiff.cli.show import extraction, show_summary
    from ctrldiff.extract.job import extract_file

    came: list[int | None] = [0, None]
    try:
        with terminable(), extraction(hidden=as_json or places.failed == STREAM) as bar:

            def report(done: int, total: int | None) -> None:
                came[:] = done, total
                bar(done, total)

            from ctrldiff.generate import Generator, from_pretrained

            generator = Generator(from_pretrained(model, threads=threads), wanted, batch_size=batch_size, **asked)
            how: dict[str, Any] = {"field": field, "failed": failed, "strict": strict, "overwrite": overwrite}
            summary = extract_file(generator, file, out, report=report, **how)
    except KeyboardInterrupt as stopped:
        of = "" if came[1] is None else f" of {came[1]}"
        go_on = "run the same command to go on" if places.continuable else "a stream cannot be gone on with"
        print(f"stopped: {came[0]}{of} lines done; {go_on}", file=sys.stderr)
        raise SystemExit(143 if isinstance(stopped, Terminated) else 130) from None
    if as_json:
        print(json.dumps(vars(summary)), file=sys.stderr if places.out == STREAM else sys.stdout)
    else:
        show_summary(summary)
    if summary.failed:
        raise SystemExit(1)
