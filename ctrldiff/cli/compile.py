"""`ctrldiff compile`: a type compiled into a file that can be shipped."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.groups import SchemaOptions, grouped
from ctrldiff.cli.options import ChoiceOption, JsonOption, ModelOption, RegexOption
from ctrldiff.cli.said import check_outputs, wanted


@app.command()
@grouped
def compile(
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="The file that is written.")],
    schema: Annotated[
        str | None, typer.Argument(help="A JSON Schema: a file, or the JSON itself; or else --regex or --choice.")
    ] = None,
    options: SchemaOptions,
    regex: RegexOption = None,
    choice: ChoiceOption = None,
    text: Annotated[
        list[str] | None, typer.Option(help="One like the texts that will come; repeatable. Default: a plain one.")
    ] = None,
    model: ModelOption = "tiny",
    as_json: JsonOption = False,
) -> None:
    """Compile a type over a model's vocabulary, for `run --compiled FILE` and `extract --compiled FILE`.

    The file belongs to this vocabulary and this version of ctrldiff, and is refused elsewhere.
    """
    from ctrldiff.errors import InputError

    check_outputs(out, read=[schema])
    asked = wanted(schema, regex, choice, options=options.chosen)
    if asked is str:
        raise InputError("nothing to compile", hint="SCHEMA, --regex or --choice")
    from ctrldiff.generate import from_pretrained

    loaded = from_pretrained(model)
    began = time.perf_counter()
    module = loaded.compile(asked, texts=text or [""])
    took = time.perf_counter() - began
    module.save(out)
    tables = [{"states": one.n_states, "edges": one.n_edges} for one in module.held.tables.values()]
    facts = {"out": str(out), "bytes": out.stat().st_size, "seconds": round(took, 3), "tables": tables}
    facts |= {"vocabulary": module.vocabulary.fingerprint, "tokens": module.vocabulary.size}
    if as_json:
        print(json.dumps(facts))
    else:
        states = ", ".join(f"{one['states']:,}" for one in tables)
        print(f"{out}: {facts['bytes']:,} bytes, tables of {states} states, compiled in {took:.3f} s")
