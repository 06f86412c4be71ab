"""`ctrldiff run`: one text."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import (
    AskOption,
    ChoiceOption,
    CompiledOption,
    DocumentsOption,
    ExamplesOption,
    GuideOption,
    JsonOption,
    MaybeSchemaOption,
    ModelOption,
    PresetOption,
    PromptOption,
    RegexOption,
    SeedOption,
    StepsOption,
    TemperatureOption,
    ThreadsOption,
    TokensOption,
    UnsureOption,
)
from ctrldiff.cli.said import alone, clock, shown, told, wanted


@app.command()
def run(
    text: Annotated[str, typer.Argument(help='The text; "-" reads standard input.')],
    schema: MaybeSchemaOption = None,
    documents: DocumentsOption = None,
    regex: RegexOption = None,
    choice: ChoiceOption = None,
    compiled: CompiledOption = None,
    ask: AskOption = None,
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
    stream: Annotated[
        bool, typer.Option("--stream", help="Show the canvas while it is written, on standard error.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Decode one text."""
    alone(compiled, schema=schema, regex=regex, choice=choice, documents=documents)
    asked = wanted(schema, regex, choice, documents=documents)
    how = told(unsure, guide, max_new_tokens=max_new_tokens, seed=seed, **clock(preset, steps, temperature))
    how |= shown(prompt_file, examples)
    from ctrldiff.generate import Generator, from_pretrained

    loaded = from_pretrained(model, threads=threads)
    if compiled is not None:
        from ctrldiff.modules.module import Module

        asked = Module.load(compiled, loaded.vocabulary)
    text = sys.stdin.read() if text == "-" else text
    if stream:
        from ctrldiff.cli.show import streaming

        with streaming(loaded.vocabulary) as tell:
            result = Generator(loaded, asked, ask=ask, trace=tell, **how)(text)
    else:
        result = Generator(loaded, asked, ask=ask, trace=show, **how)(text)
    if as_json:
        facts = {"output": result.output, "raw": result.raw, "prob": result.prob, "usage": vars(result.usage)}
        facts |= {"full": result.full, "flags": [vars(flag) for flag in result.flags]}
        facts |= {"probs": result.probs} if result.probs else {}
        if result.grounded:
            facts["grounded"] = {at: [one.place for one in places] for at, places in result.grounded.items()}
        print(json.dumps(facts, ensure_ascii=False))
        return
    from ctrldiff.cli.show import show_result

    show_result(result, pretty=isinstance(result.output, dict | list), canvases=show)
