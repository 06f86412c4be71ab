"""What options say, as the values that they stand for; refused before a model is loaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def wanted(
    schema: str | None = None,
    regex: str | None = None,
    choice: list[str] | None = None,
    named: str | None = None,
    compiled: Path | None = None,
    options: Mapping[str, Any] = {},
) -> Any:
    """What `--schema`, `--regex`, `--choice` or `--type` ask for, or the file of `--compiled`; any text if none of them
    is given. options: of a schema (`groups.SchemaOptions`).

    Raises: InputError for two of them, for options without a schema and for a file that is not there; SchemaInvalid.
    """
    from ctrldiff.constraints.basic import Choice, Regex
    from ctrldiff.errors import InputError

    asked = {"compiled": compiled, "schema": schema, "regex": regex, "choice": choice or None, "type": named}
    given = [f"--{name}" for name, value in asked.items() if value is not None]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} cannot go together", hint="give one")
    if schema is not None:
        return schema_of(schema, options)
    if options:
        names = " and ".join(f"--{name}" for name in options)
        hint = "say it to `ctrldiff compile`" if compiled is not None else "give --schema, too"
        raise InputError(f"{names}: how a schema is read and written, and there is none", hint=hint)
    if compiled is not None and not compiled.is_file():
        raise InputError(f"--compiled {compiled}: no such file", hint="ctrldiff compile SCHEMA -o FILE writes one")
    if named is not None:
        return _type(named)
    if regex is not None:
        return Regex(regex)
    return compiled or (Choice(_labels(choice)) if choice else str)


def schema_of(schema: str, options: Mapping[str, Any] = {}) -> Any:
    """A schema as it is decoded. Raises: SchemaInvalid."""
    from ctrldiff.json_schema import JsonSchema

    return JsonSchema(schema, optional="write", **options)


def over(asked: Any, vocabulary: Any) -> Any:
    """What `wanted` says; of a file, the type that was compiled into it. Raises: InputError."""
    if not isinstance(asked, Path):
        return asked
    from ctrldiff.modules.module import Module

    return Module.load(asked, vocabulary)


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
    except (ImportError, AttributeError, ValueError, TypeError) as error:  # the last two of "" and ".a" as a module
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


def text_of(said: str) -> str:
    """The text of a command; "-" is standard input. Raises: InputError for bytes that are no text."""
    from ctrldiff.errors import InputError

    try:
        return sys.stdin.read() if said == "-" else said
    except UnicodeDecodeError as error:
        what = f"standard input, byte {error.start}: not {error.encoding}"
        raise InputError(what, hint="iconv -f latin1 -t utf-8, or whatever it is in") from error


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

    name, knobs = _named("--preset", preset, "eb:gamma=0.2,block=16")
    for knob, value in (("steps", steps), ("temperature", temperature)):
        if value is not None and knob in knobs:
            raise InputError(f"--{knob} {value}, and --preset {preset}", hint="one of them")
        if value is not None:
            knobs[knob] = value
    return {"plan": Plan.preset(name, **knobs)}


def counting(counts: str | None) -> dict[str, Any]:
    """What `--counts` says. Raises: InputError, before a model is loaded."""
    return {} if counts is None else {"counts": _rule(counts)}


def _rule(counts: str) -> Any:
    """A rule of `ctrldiff.counts` by its name."""
    from dataclasses import fields

    from ctrldiff.arguments import known_names
    from ctrldiff.errors import InputError
    from ctrldiff.sampling.counts import Likeliest, Rows

    name, knobs = _named("--counts", counts, "likeliest:per_item=20,most=9")
    rules: dict[str, Any] = {"rows": Rows, "likeliest": Likeliest}
    if name not in rules:
        raise InputError(f"--counts {counts}: no rule {name!r}", hint=f"one of {', '.join(rules)}")
    known_names(knobs, [one.name for one in fields(rules[name])])
    if "otherwise" in knobs:
        knobs["otherwise"] = _rule(str(knobs["otherwise"]))
    return rules[name](**knobs)


def _named(option: str, said: str, example: str) -> tuple[str, dict[str, Any]]:
    """A name and its knobs, of "name:knob=value,knob=value"."""
    from ctrldiff.errors import InputError

    name, _, rest = said.partition(":")
    knobs: dict[str, Any] = {}
    for one in rest.split(",") if rest else ():
        knob, equals, value = one.partition("=")
        if not equals:
            raise InputError(f"{option} {said}: {one!r} has no value", hint=f"{option} {example}")
        knobs[knob.strip()] = _value(value.strip())
    return name, knobs


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
