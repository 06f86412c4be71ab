"""What several commands take, and what is made of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

SchemaArgument = Annotated[str, typer.Argument(help="A JSON Schema: a file, or the JSON itself.")]
MaybeSchemaOption = Annotated[str | None, typer.Option("--schema", "-s", help="A JSON Schema: a file, or JSON.")]
RegexOption = Annotated[str | None, typer.Option(help="A pattern the answer has to match.")]
ChoiceOption = Annotated[
    list[str] | None,
    typer.Option(help="Labels to choose from, separated by commas; or one label each time, commas and all."),
]
CompiledOption = Annotated[
    Path | None, typer.Option("--compiled", help="In place of a schema: a file that `ctrldiff compile` wrote.")
]
TypeOption = Annotated[
    str | None, typer.Option("--type", help='A Python type: "int", "date", or "package.module:Name".')
]
AskOption = Annotated[str | None, typer.Option(help="The name of the wanted value, for a bare one.")]
SchemaOption = Annotated[str, typer.Option("--schema", "-s", help="A JSON Schema: a file, or the JSON itself.")]
DocumentsOption = Annotated[
    Path | None,
    typer.Option(
        "--documents", help="A folder of JSON files that references out of the schema may lead to; nothing is fetched."
    ),
]
ModelOption = Annotated[str, typer.Option("--model", "-m", help='"tiny" (in the box) or a model folder.')]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Forward passes at most; default: as many as needed.")]
TokensOption = Annotated[int | None, typer.Option(min=1, help="Positions for the answer.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Fixes every draw.")]
UnsureOption = Annotated[
    str, typer.Option(help='Values that were forced on the model: "flag" them, put "null" where allowed, or "error".')
]
TemperatureOption = Annotated[
    float | None,
    typer.Option(min=0, help="0: the most probable; above: exact samples. Default: 0, or what the preset says."),
]
PresetOption = Annotated[
    str | None,
    typer.Option("--preset", help="A published decoder (docs/methods.md): llada, klass, eb:gamma=0.2,block=16."),
]
GuideOption = Annotated[
    list[str] | None,
    typer.Option(
        "--guide", help="Lean towards: sentiment=positive:2.0, prompt:1.5, words=battery,charge:3; repeatable."
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Threads of the network; default: one for a small one (docs/extract.md).")
]
FieldsOption = Annotated[
    bool, typer.Option("--fields", help="Say of every value how probable it is; a forward pass more for each.")
]
CalibrationOption = Annotated[
    Path | None, typer.Option(help="What `ctrldiff calibrate --fit` wrote: probabilities are told by it.")
]
BelowOption = Annotated[
    float | None, typer.Option(min=0, max=1, help="Values less probable than this are flagged; see --unsure.")
]
PromptOption = Annotated[
    Path | None,
    typer.Option("--prompt-file", help="A prompt template: {text}, {schema}, {example}, {ask} (docs/prompts.md)."),
]
ExamplesOption = Annotated[
    Path | None,
    typer.Option("--examples", help='JSON lines that are shown before the text: {"text": ..., "output": ...}.'),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]


def beside(documents: Path | None) -> dict[str, Any]:
    """What `--documents` says of a schema."""
    return {} if documents is None else {"documents": documents}


def wanted(
    schema: str | None,
    regex: str | None,
    choice: list[str] | None,
    named: str | None = None,
    documents: Path | None = None,
) -> Any:
    """What `--schema`, `--regex`, `--choice` or `--type` ask for; any text if none of them is given.

    Raises: InputError.
    """
    from ctrldiff.constraints.basic import Choice, Regex
    from ctrldiff.errors import InputError
    from ctrldiff.json_schema import JsonSchema

    given = [
        name
        for name, value in (("--schema", schema), ("--regex", regex), ("--choice", choice or None), ("--type", named))
        if value is not None
    ]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} cannot go together", hint="give one")
    if schema is not None:
        return JsonSchema(schema, optional="write", **beside(documents))
    if documents is not None:
        raise InputError("--documents is for references out of a schema", hint="give --schema, too")
    if named is not None:
        return _type(named)
    if regex is not None:
        return Regex(regex)
    return Choice(_labels(choice)) if choice else str


def alone(compiled: Path | None, **others: Any) -> None:
    """Raise InputError for what `--compiled` says already, and for a file that is not there."""
    from ctrldiff.errors import InputError

    given = [f"--{name}" for name, value in others.items() if value]
    if compiled is not None and given:
        raise InputError(f"--compiled and {' and '.join(given)} cannot go together", hint="give one")
    if compiled is not None and not compiled.is_file():
        raise InputError(f"--compiled {compiled}: no such file", hint="ctrldiff compile SCHEMA -o FILE writes one")


def _type(named: str) -> Any:
    """A type by its name: one of Python's own, or "module:Name", which is imported."""
    import builtins
    import datetime
    import importlib

    from ctrldiff.errors import InputError

    module, colon, name = named.partition(":")
    try:
        if colon:
            return getattr(importlib.import_module(module), name)
        return getattr(builtins if hasattr(builtins, named) else datetime, named)
    except (ImportError, AttributeError) as error:
        raise InputError(f"--type {named}: {error}", hint="int, date, or package.module:Name") from error


def _labels(said: list[str]) -> list[str]:
    """One option holds labels with commas between them; each of several is a label as it stands."""
    from ctrldiff.errors import InputError

    labels = [label.strip() for label in (said[0].split(",") if len(said) == 1 else said)]
    if not all(labels):
        raise InputError(
            f"--choice {' --choice '.join(map(repr, said))}: a label is empty",
            hint="leave out a comma; for labels with commas in them: --choice 'one, two' --choice three",
        )
    return labels


def told(unsure: str, guide: list[str] | None, **others: Any) -> dict[str, Any]:
    """What a `Generator` is told: `--unsure` and `--guide`, read, and the others as they are.

    Raises: InputError, before a model is loaded.
    """
    from ctrldiff.arguments import WORDS
    from ctrldiff.errors import InputError

    if unsure not in WORDS["unsure"]:
        raise InputError(f"--unsure {unsure}", hint=f"one of {', '.join(WORDS['unsure'])}")
    guides: list[Any] = []
    if guide:
        from ctrldiff.guidance.words import read_guide

        guides = [read_guide(text) for text in guide]
    return {"unsure": unsure, "guidance": guides, **others}


def doubts(fields: bool, calibration: Path | None, below: float | None) -> dict[str, Any]:
    """What `--fields`, `--calibration` and `--below` say. Raises: InputError, before a model is loaded."""
    from ctrldiff.reliability import Calibration

    read = None if calibration is None else Calibration.load(calibration)
    return {"fields": fields, "calibration": read, "below": below}


def shown(prompt_file: Path | None, examples: Path | None) -> dict[str, Any]:
    """What `--prompt-file` and `--examples` say. Raises: InputError, before a model is loaded."""
    from ctrldiff.errors import InputError
    from ctrldiff.extract.documents import parse
    from ctrldiff.extract.streams import read_lines
    from ctrldiff.models.prompt import check_template

    said: dict[str, Any] = {}
    try:
        if prompt_file is not None:
            said["prompt"] = check_template(prompt_file.read_text(encoding="utf-8").rstrip("\n"))
        if examples is not None:
            with examples.open("rb") as stream:
                lines = [(line, f"{examples} line {line.number:,}") for line in read_lines(stream, str(examples))]
            pairs = [(parse(line, where), where) for line, where in lines]
            for pair, where in pairs:
                if not isinstance(pair.get("text"), str) or "output" not in pair:
                    raise InputError(f"{where} is no example", hint='{"text": "...", "output": ...}')
            said["examples"] = [(pair["text"], pair["output"]) for pair, _ in pairs]
    except (OSError, UnicodeDecodeError) as error:
        name = prompt_file if "prompt" not in said and prompt_file is not None else examples
        raise InputError(f"{str(name)!r} cannot be read: {error}") from error
    return said


def clock(preset: str | None, steps: int | None, temperature: float | None) -> dict[str, Any]:
    """What `--preset`, `--steps` and `--temperature` say. Raises: InputError, before a model is loaded."""
    if preset is None:
        return {"steps": steps, "temperature": temperature or 0.0}
    from ctrldiff.errors import InputError
    from ctrldiff.sampling.plan import Plan

    name, _, said = preset.partition(":")
    knobs: dict[str, Any] = {}
    for one in said.split(",") if said else ():
        knob, equals, value = one.partition("=")
        if not equals:
            raise InputError(f"--preset {preset}: {one!r} has no value", hint="--preset eb:gamma=0.2,block=16")
        knobs[knob.strip()] = _value(value.strip())
    for knob, value in (("steps", steps), ("temperature", temperature)):
        if value is not None and knob in knobs:
            raise InputError(f"--{knob} {value}, and --preset {preset}", hint="one of them")
        if value is not None:
            knobs[knob] = value
    return {"plan": Plan.preset(name, **knobs)}


def _value(text: str) -> int | float | bool | str | tuple[Any, ...]:
    """A number, a truth value, several of these with + behind each but the last, or the word itself."""
    if text in ("true", "false"):
        return text == "true"
    if "+" in text[1:] and "e+" not in text:
        return tuple(_value(one) for one in text.split("+") if one)
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def check_outputs(*files: Path | None, read: Sequence[Path | str | None] = ()) -> None:
    """Raise InputError, before any work is done, for a file that could not be written after it, or that is read."""
    from ctrldiff.errors import InputError

    known = [one for one in read if one is not None]  # a schema may be JSON, which is the name of no file
    for file in (file for file in files if file is not None):
        why = ""
        if file.is_dir():
            why = "it is a folder"
        elif file.exists():
            why = "" if os.access(file, os.W_OK) else "it may not be written"
        elif not file.parent.is_dir():
            why = f"{str(file.parent)!r} is no folder"
        elif not os.access(file.parent, os.W_OK):
            why = f"the folder {str(file.parent)!r} may not be written"
        if any(os.path.exists(one) and file.exists() and file.samefile(one) for one in known):
            why = "it is what is read"
        if why:
            raise InputError(f"{str(file)!r} cannot be written: {why}", hint="another place for it")


def write_page(out: Path, page: str) -> None:
    """Write an HTML file. Raises: InputError if it cannot be written."""
    from ctrldiff.errors import InputError

    try:
        out.write_text(page, encoding="ascii")
    except OSError as error:
        raise InputError(f"{str(out)!r} cannot be written: {error.strerror}") from error
