"""`ctrldiff extract`: documents into rows; `ctrldiff export`: what a job has done so far into files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from inspect import signature
from pathlib import Path
from typing import Annotated, Any

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.groups import Decoding, SchemaOptions, grouped, one_by_one
from ctrldiff.cli.options import (
    BelowOption,
    CalibrationOption,
    CompiledOption,
    FieldsOption,
    JsonOption,
    MaybeSchemaOption,
)
from ctrldiff.cli.said import doubts, over, wanted

_HOW = (
    "batch_size",
    "threads",
    "shard",
    "retry_failed",
    "as_json",
    "resume",
    "overwrite",
)  # not the job's, but a run's
FlatOption = Annotated[
    bool, typer.Option("--flat", help="A column for every value of the answers, by its JSON pointer.")
]
FailedOption = Annotated[
    Path | None,
    typer.Option(help="Where documents that fail go, with why. Default: OUT.failed.jsonl, or standard error."),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Start anew, whatever is in OUT and in the job.")]


@app.command()
@grouped
def extract(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="JSON lines, CSV, Parquet, a folder of texts, ... (docs/extract.md); '-' is standard input."
        ),
    ] = None,
    *,
    schema: MaybeSchemaOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="OUT.jsonl, .csv, .parquet or .sqlite; '-' is standard output."),
    ] = None,
    options: SchemaOptions,
    compiled: CompiledOption = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with the job in this folder, by the command that began it.")
    ] = None,
    job: Annotated[Path | None, typer.Option(help="The job's folder. Default: OUT.job.")] = None,
    field: Annotated[str, typer.Option(help="The key or column that holds a document's text; a.b is b in a.")] = "text",
    id_field: Annotated[str, typer.Option("--id", help="The key or column that holds its id.")] = "id",
    form: Annotated[str | None, typer.Option("--format", help="How FILE is read, where its name does not say.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of texts. Default: UTF-8, or what a mark says.")] = None,
    delimiter: Annotated[str, typer.Option(help="Between the columns of a CSV file.")] = ",",
    failed: FailedOption = None,
    flat: FlatOption = False,
    shard: Annotated[str, typer.Option(help="2/4: this run takes the second of every four documents.")] = "1/1",
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Decode again what failed before.")] = False,
    overwrite: OverwriteOption = False,
    chunk: Annotated[
        int | None, typer.Option(min=1, help="Tokens of a long text that are decoded at once. Default: what fits.")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(min=0, help="Tokens that its parts share. Default: an eighth of a part.")
    ] = None,
    together: Annotated[
        bool | None,
        typer.Option(
            "--together/--alone",
            help="Documents share the calls of the network, and the last digits of log_prob depend on it. "
            "Default: not on a CPU.",
        ),
    ] = None,
    how: Decoding,
    fields: FieldsOption = False,
    calibration: CalibrationOption = None,
    below: BelowOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Documents that are decoded together.")] = 16,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first document that cannot be used.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn documents into rows. The same command goes on where a stopped one was, and so does --resume JOB.

    Exit status: 0 if every document has an answer; 1 if some failed; 2 if the run is refused or cannot go on, with the
    reason; 3 if this shard is done and others are not; 130 and 143 after Ctrl-C and SIGTERM.
    """
    given = one_by_one(locals())
    from ctrldiff.errors import InputError
    from ctrldiff.extract.found import Reading
    from ctrldiff.extract.job import refuse_foreign
    from ctrldiff.extract.ledger import Shard, read_manifest
    from ctrldiff.extract.places import STREAM, Places

    if resume is not None:
        if file is not None or schema is not None or compiled is not None or out is not None:
            raise InputError(
                "--resume says what is read, wanted and written", hint="leave FILE, --schema, --compiled and -o out"
            )
        if others := _beside(given):
            why = "a job is gone on with by the command that began it; a run's own are " + _options(_HOW)
            raise InputError(
                f"--resume, and {_options(others)}", why=why, hint="leave it out, or --overwrite with the whole"
            )
        extract(**_again(read_manifest(resume)["arguments"], given))
        return
    if file is None or (schema is None and compiled is None) or out is None:
        raise InputError(
            "FILE, --schema or --compiled, and -o are needed", hint="ctrldiff extract docs.jsonl -s SCHEMA -o out.jsonl"
        )
    # What can be refused without a model is refused before it is loaded.
    places = Places.of(file, out, failed, job)
    refuse_foreign(places, overwrite)
    reading = Reading(field, id_field, encoding, form, delimiter)
    part = Shard.read(shard)
    asked = wanted(schema, compiled=compiled, options=options.chosen)
    if schema is not None and asked.over("a text").report().refused:
        asked.over("a text").expression()
    places.spare(str(schema or compiled))
    told = how.read() | doubts(fields, calibration, below)

    summary, stopped = _carried_out(
        (how.model, how.threads),
        (asked, {"batch_size": batch_size, **told}),
        places,
        hidden=as_json or places.failed == STREAM,
        reading=reading,
        shard=part,
        retry_failed=retry_failed,
        strict=strict,
        overwrite=overwrite,
        flat=flat,
        together=together,
        chunk=chunk,
        overlap=overlap,
        arguments=_kept(given),
    )
    if as_json and summary is not None:
        print(json.dumps(vars(summary)), file=sys.stderr if places.out == STREAM else sys.stdout)
    elif summary is not None:
        from ctrldiff.cli.show import show_summary

        show_summary(summary)
    if stopped:
        raise SystemExit(stopped)
    if summary is not None and not summary.complete:
        raise SystemExit(3)
    if summary is not None and summary.failed:
        raise SystemExit(1)


def _carried_out(
    loaded: tuple[str, int | None], made: tuple[Any, dict[str, Any]], places: Any, *, hidden: bool, **how: Any
) -> tuple[Any, int]:
    """The summary of a run, and the exit status of one that was stopped."""
    from ctrldiff.cli.show import extraction
    from ctrldiff.extract.job import Progress, extract_file
    from ctrldiff.extract.stop import Terminated, stoppable

    came: list[Progress] = []

    def at_work() -> None:
        print("finishing the documents at work; Ctrl-C again drops them", file=sys.stderr)

    summary, status = None, 0
    try:
        with stoppable(at_work) as stop, extraction(hidden=hidden) as bar:

            def report(progress: Progress) -> None:
                came[:] = [progress]
                bar(progress)

            from ctrldiff.generate import Generator, from_pretrained

            model = from_pretrained(loaded[0], threads=loaded[1])
            generator = Generator(model, over(made[0], model.vocabulary), **made[1])
            summary = extract_file(
                generator,
                places.file,
                places.out,
                failed=places.failed,
                job=places.job,
                report=report,
                stop=stop,
                **how,
            )
            status = 130 if stop() else 0
    except KeyboardInterrupt as stopped:
        status = 143 if isinstance(stopped, Terminated) else 130
    if status:
        done = came[0].done + came[0].failed if came else 0
        go_on = "nothing is kept of a run whose rows go to a stream"
        if places.job is not None:
            go_on = f"the same command goes on, or ctrldiff extract --resume {places.job}"
        print(f"stopped: {done:,} documents are done; {go_on}", file=sys.stderr)
    return summary, status


def _beside(given: dict[str, Any]) -> list[str]:
    """What was given and is not a run's own, by the names of parameters."""
    usual = signature(extract).parameters
    return [name for name, value in given.items() if name not in _HOW and value != usual[name].default]


def _options(names: Iterable[str]) -> str:
    """Parameters as they are typed."""
    typed = {"id_field": "id", "form": "format", "as_json": "json"}
    return ", ".join(f"--{typed.get(name, name).replace('_', '-')}" for name in names)


def _kept(given: dict[str, Any]) -> dict[str, Any]:
    """What a command was given, as JSON, from whatever folder it is gone on with."""
    kept: dict[str, Any] = {}
    for name, value in given.items():
        if name in _HOW or value is None:
            continue
        is_path = isinstance(value, Path) or (name in ("schema", "model") and _is_there(value))
        kept[name] = os.path.abspath(value) if is_path and str(value) != "-" else str(value) if is_path else value
    return kept


def _is_there(value: str) -> bool:
    """It is a path, and no name of a model in the box."""
    from ctrldiff.models.hf import resolve

    return os.path.exists(value) and resolve(value) == Path(value)


def _again(arguments: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a job, with what is the run's own as it is said now."""
    from ctrldiff.errors import InputError

    if not arguments:
        raise InputError("no command began this job", hint="extract_file(...), as it was called, goes on with it")
    paths = ("file", "out", "job", "failed", "documents", "compiled", "prompt_file", "examples")
    then = {name: Path(value) if name in paths else value for name, value in arguments.items()}
    now = {name: given[name] for name in _HOW if name != "resume"}
    return dict.fromkeys(given) | {"resume": None, "job": given["resume"]} | then | now


@app.command()
def export(
    job: Annotated[Path, typer.Argument(help="The folder of a job, done or not.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="OUT.jsonl, .csv, .parquet or .sqlite; '-': output.")],
    failed: FailedOption = None,
    flat: FlatOption = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Write over OUT, whatever it is.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write what a job has done so far, in the order of its input."""
    from ctrldiff.extract.job import export as write
    from ctrldiff.extract.places import STREAM

    answers, failures = write(job, out, failed, flat=flat, overwrite=overwrite)
    if as_json:
        line = json.dumps({"done": answers, "failed": failures, "out": str(out)})
        print(line, file=sys.stderr if out == STREAM else sys.stdout)
    else:
        print(f"{answers:,} answers, {failures:,} failed", file=sys.stderr)
