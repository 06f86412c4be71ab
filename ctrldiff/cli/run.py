"""`ctrldiff run`: one text."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import (
    DocumentsOption,
    ExamplesOption,
    GuideOption,
    JsonOption,
    ModelOption,
    PresetOption,
    PromptOption,
    SeedOption,
    StepsOption,
    TemperatureOption,
    ThreadsOption,
    TokensOption,
    UnsureOption,
    beside,
    clock,
    shown,
    told,
)


@app.command()
def run(
    text: Annotated[str, typer.Argument(help='The text; "-" reads standard input.')],
    schema: Annotated[str | None, typer.Option("--schema", "-s", help="A JSON Schema: a file, or JSON.")] = None,
    documents: DocumentsOption = None,
    regex: Annotated[str | None, typer.Option(help="A pattern the answer has to match.")] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option(help="Labels to choose from, separated by commas; or one label each time, commas and all."),
    ] = None,
    ask: Annotated[str | None, typer.Option(help="The name of the wanted value, for a bare one.")] = None,
    model: ModelOption = "tiny",
    steps: StepsOption = None,
    preset: PresetOption = None,
    max_new_tokens: TokensOption = None,
    temperature: TemperatureOption = 0.0,
    seed: SeedOption = 0,
    unsure: UnsureOption = "flag",
    guide: GuideOption = None,
    prompt_file: PromptOption = None,
    examples: ExamplesOption = None,
    threads: ThreadsOption = None,
    show: Annotated[bool, typer.Option("--show", help="Show the canvas filling up.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Decode one text."""
    from ctrldiff.constraints.basic import Choice, Regex
    from ctrldiff.errors import InputError
    from ctrldiff.json_schema import JsonSchema

    given = [
        name
        for name, value in (("--schema", schema), ("--regex", regex), ("--choice", choice or None))
        if value is not None
    ]
    if len(given) > 1:
        raise InputError(f"{' and '.join(given)} cannot go together", hint="give one")
    if documents is not None and schema is None:
        raise InputError("--documents is for references out of a schema", hint="give --schema, too")
    wanted: Any = str
    if schema is not None:
        wanted = JsonSchema(schema, optional="write", **beside(documents))
    elif regex is not None:
        wanted = Regex(regex)
    elif choice:
        wanted = Choice(_labels(choice))
    how = told(unsure, guide, max_new_tokens=max_new_tokens, seed=seed, **clock(preset, steps, temperature))
    how |= shown(prompt_file, examples)
    from ctrldiff.generate import Generator, from_pretrained

    generator = Generator(from_pretrained(model, threads=threads), wanted, ask=ask, trace=show, **how)
    result = generator(sys.stdin.read() if text == "-" else text)
    if as_json:
        facts = {"output": result.output, "raw": result.raw, "prob": result.prob, "usage": vars(result.usage)}
        facts |= {"full": result.full, "flags": [vars(flag) for flag in result.flags]}
        facts |= {"probs": result.probs} if result.probs else {}
        if result.grounded:
            facts["grounded"] = {at: [one.place for one in places] for at, places in result.grounded.items()}
        print(json.dumps(facts, ensure_ascii=False))
        return
    from ctrldiff.cli.show import show_result

    show_result(result, pretty=schema is not None)


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
