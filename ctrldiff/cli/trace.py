"""`ctrldiff trace`: one text, decoded before your eyes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import (
    AskOption,
    ChoiceOption,
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
    TypeOption,
)
from ctrldiff.cli.said import clock, shown, told, wanted, write_page


@app.command()
def trace(
    text: Annotated[str, typer.Argument(help='The text; "-" reads standard input.')],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the page goes.")] = Path("trace.html"),
    schema: MaybeSchemaOption = None,
    regex: RegexOption = None,
    choice: ChoiceOption = None,
    named: TypeOption = None,
    ask: AskOption = None,
    model: ModelOption = "tiny",
    steps: StepsOption = None,
    preset: PresetOption = None,
    max_new_tokens: TokensOption = None,
    temperature: TemperatureOption = 0.0,
    seed: SeedOption = 0,
    guide: GuideOption = None,
    prompt_file: PromptOption = None,
    examples: ExamplesOption = None,
    threads: ThreadsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decode one text, and write one HTML file that shows it step by step.

    Who decided each token and how surely, what else it might have been, what the model would have written without a
    constraint, and where the values stand in the text. The file needs no network, and nothing else.
    """
    asked = wanted(schema, regex, choice, named)
    how = told("flag", guide, max_new_tokens=max_new_tokens, seed=seed, **clock(preset, steps, temperature))
    how |= shown(prompt_file, examples)
    from ctrldiff.generate import Generator, from_pretrained

    text = sys.stdin.read() if text == "-" else text
    generator = Generator(from_pretrained(model, threads=threads), asked, ask=ask, trace=True, fields=True, **how)
    result = generator(text)
    write_page(out, result.page(text, title=f"A decode by {model}"))
    steps_taken = len(result.trace.frames[0]) - 1 if result.trace else 0
    if as_json:
        facts = {"page": str(out), "output": result.output, "steps": steps_taken, "forwards": result.usage.forwards}
        print(json.dumps(facts, ensure_ascii=False, default=str))
    else:
        print(f"{out}: {steps_taken} steps")
