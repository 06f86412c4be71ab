"""`ctrldiff check`: what a schema means here."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.groups import SchemaOptions, grouped
from ctrldiff.cli.options import JsonOption, ModelOption, SchemaArgument

# What `check` compiles spans over when it is given no text.
EXAMPLE = "Invoice INV-20931 of 3 March 2026. Bill to: Maria Jensen, 12 Harbour Road, Bristol. Total due: EUR 308.80."


@app.command()
@grouped
def check(
    schema: SchemaArgument,
    options: SchemaOptions,
    model: ModelOption = "tiny",
    explain: Annotated[
        str | None, typer.Option(help="An instance, as JSON: is it in the language, or why not?")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(help='The text that values of "x-span" and "x-from-text" stand in; default: an example.'),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a schema: what is enforced, narrowed and refused, and how large the answer can be.

    With "x-span" or "x-from-text" it is another automaton for every text: the one told of is that of --text, or of an
    example.
    """
    from ctrldiff.json_schema import JsonSchema
    from ctrldiff.json_schema.facts import explained, facts_of, measured

    description = JsonSchema(schema, **options.chosen)
    if description.has_spans:
        description = description.over(EXAMPLE if text is None else text)
    refused = bool(description.report().refused)
    if not refused:
        from ctrldiff.generate import from_pretrained

        loaded = from_pretrained(model)
        vocabulary, canvas = loaded.vocabulary, loaded.loaded.spec.canvas
        # As it is decoded: a recursion as deep as the usual canvas reaches.
        description = description.reaching(description.compile(vocabulary).shortest + canvas, vocabulary)
    facts = facts_of(description, text or "")
    if not refused:
        facts |= measured(description, vocabulary)
        if explain is not None:
            facts["explained"] = explained(description, explain)
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        from ctrldiff.cli.show import show_check

        show_check(facts)
    if refused or not facts.get("explained", {"accepted": True})["accepted"]:
        raise SystemExit(1)
