"""`ctrldiff check`: what a schema means here."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import JsonOption, ModelOption, SchemaArgument

# What `check` compiles spans over when it is given no text.
EXAMPLE = "Invoice INV-20931 of 3 March 2026. Bill to: Maria Jensen, 12 Harbour Road, Bristol. Total due: EUR 308.80."


@app.command()
def check(
    schema: SchemaArgument,
    model: ModelOption = "tiny",
    explain: Annotated[
        str | None, typer.Option(help="An instance, as JSON: is it in the language, or why not?")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help='The text that values of "x-span" stand in; default: an example.')
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a schema: what is enforced, narrowed and refused, and how large the answer can be.

    With "x-span" it is another automaton for every text: the one told of is that of --text, or of an example.
    """
    from dataclasses import asdict

    from ctrldiff.automata.compile import compile_expression
    from ctrldiff.json_schema import JsonSchema
    from ctrldiff.posterior.table import Table
    from ctrldiff.tokens.token_automaton import lift

    description = JsonSchema(schema)
    spans = description.has_spans
    if spans:
        description = description.over(EXAMPLE if text is None else text)
    report = description.report()
    if not report.refused:
        from ctrldiff.generate import from_pretrained

        loaded = from_pretrained(model)
        vocabulary, canvas = loaded.vocabulary, loaded.loaded.spec.canvas
        # The kernels are loaded by another schema, so that the times are those of this one.
        JsonSchema({"type": "string", "pattern": "a", "maxLength": 2}).compile(vocabulary)
        # As it is decoded: a recursion as deep as the usual canvas reaches.
        description = description.reaching(description.compile(vocabulary).shortest + canvas, vocabulary)
        report = description.report()
    facts: dict[str, Any] = {
        "enforced": dict(report.enforced),
        "narrowed": [{"pointer": at, "how": how} for at, how in report.narrowed],
        "refused": [{"pointer": at, "keyword": keyword, "why": why} for at, keyword, why in report.refused],
        "ignored": [{"pointer": at, "keyword": keyword, "why": why} for at, keyword, why in report.ignored],
        "unknown": [{"pointer": at, "keyword": word, "meant": meant} for at, word, meant in report.unknown],
    }
    if not report.refused:  # what `run` and `extract` leave out besides, for a text that holds nothing of the kind
        plain = description.plain(text or "").report().narrowed
        facts["plain"] = [{"pointer": at, "how": how} for at, how in plain if (at, how) not in report.narrowed]
    if spans:
        facts["text"] = description.document
    if not report.refused:
        began = time.perf_counter()
        dfa = compile_expression(description.expression())  # anew, whatever is remembered
        built = time.perf_counter()
        table = Table(lift(dfa, vocabulary), vocabulary)
        finished = time.perf_counter()
        farthest = int(dfa.ahead[1][0])
        facts |= {
            "states": dfa.n_states,
            "shortest": (dfa.shortest() or b"").decode(),
            "bytes": {"shortest": len(dfa.shortest() or b""), "longest": None if farthest < 0 else farthest},
            "tokens": {
                "vocabulary": vocabulary.size,
                "states": table.n_states,
                "classes": table.n_classes,
                "edges": table.n_edges,
                "shortest": table.shortest,
                "longest": table.longest,
            },
            "seconds": {
                "automaton": round(built - began, 4),
                "token_table": round(finished - built, 4),
            },
        }
        if explain is not None:
            from ctrldiff.json_schema.explain import explain as explanation

            facts["explained"] = asdict(explanation(description, explain))
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
    else:
        from ctrldiff.cli.show import show_check

        show_check(facts)
    if report.refused or not facts.get("explained", {"accepted": True})["accepted"]:
        raise SystemExit(1)
