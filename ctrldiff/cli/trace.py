"""`ctrldiff trace`: one text, decoded before your eyes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.groups import Decoding, SchemaOptions, Wanted, grouped
from ctrldiff.cli.options import JsonOption
from ctrldiff.cli.said import check_outputs, over, text_of, write_page


@app.command()
@grouped
def trace(
    text: Annotated[str, typer.Argument(help='The text; "-" reads standard input.')],
    wanted: Wanted,
    options: SchemaOptions,
    how: Decoding,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the page goes.")] = Path("trace.html"),
    as_json: JsonOption = False,
) -> None:
    """Decode one text, and write one HTML file that shows it step by step.

    Who decided each token and how surely, what else it might have been, what the model would have written without a
    constraint, and where the values stand in the text. The file needs no network, and nothing else.
    """
    check_outputs(out, read=[wanted.schema, wanted.compiled])
    asked, told = wanted.read(options), how.read()
    from ctrldiff.generate import Generator, from_pretrained

    text = text_of(text)
    loaded = from_pretrained(how.model, threads=how.threads)
    generator = Generator(loaded, over(asked, loaded.vocabulary), ask=wanted.ask, trace=True, fields=True, **told)
    result = generator(text)
    write_page(out, result.page(text, title=f"A decode by {how.model}"))
    steps_taken = len(result.trace.frames[0]) - 1 if result.trace else 0
    if as_json:
        from ctrldiff.extract.rows import plain

        facts = {
            "page": str(out),
            "output": plain(result.output),
            "steps": steps_taken,
            "forwards": result.usage.forwards,
        }
        print(json.dumps(facts, ensure_ascii=False))
    else:
        print(f"{out}: {steps_taken} steps")
