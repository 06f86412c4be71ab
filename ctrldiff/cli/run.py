"""`ctrldiff run`: one text."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.groups import Decoding, SchemaOptions, Wanted, grouped
from ctrldiff.cli.options import JsonOption
from ctrldiff.cli.said import over, text_of


@app.command()
@grouped
def run(
    text: Annotated[str, typer.Argument(help='The text; "-" reads standard input.')],
    wanted: Wanted,
    options: SchemaOptions,
    how: Decoding,
    show: Annotated[bool, typer.Option("--show", help="Show the canvas filling up.")] = False,
    stream: Annotated[
        bool, typer.Option("--stream", help="Show the canvas while it is written, on standard error.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Decode one text."""
    asked, told = wanted.read(options), how.read()
    from ctrldiff.generate import Generator, from_pretrained

    loaded = from_pretrained(how.model, threads=how.threads)
    asked = over(asked, loaded.vocabulary)
    text = text_of(text)
    if stream:
        from ctrldiff.cli.show import streaming

        with streaming(loaded.vocabulary) as tell:
            result = Generator(loaded, asked, ask=wanted.ask, trace=tell, **told)(text)
    else:
        result = Generator(loaded, asked, ask=wanted.ask, trace=show, **told)(text)
    if as_json:
        from ctrldiff.extract.rows import plain

        facts = {"output": plain(result.output), "raw": result.raw, "prob": result.prob, "usage": vars(result.usage)}
        facts |= {"full": result.full, "flags": [vars(flag) for flag in result.flags]}
        facts |= {"probs": result.probs} if result.probs else {}
        if result.grounded:
            facts["grounded"] = {at: [one.place for one in places] for at, places in result.grounded.items()}
        print(json.dumps(facts, ensure_ascii=False))
        return
    from ctrldiff.cli.show import show_result

    show_result(result, pretty=isinstance(result.output, dict | list), canvases=show)
