"""What became of a schema, as data: `ctrldiff check`."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from ctrldiff.automata.compile import compile_expression
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.explain import explain
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.token_automaton import lift
from ctrldiff.tokens.vocabulary import Vocabulary


def facts_of(schema: JsonSchema, text: str = "") -> dict[str, Any]:
    """What is enforced, narrowed, refused, ignored and unknown; and what is left out besides for texts like this."""
    report = schema.report()
    facts: dict[str, Any] = {
        "enforced": dict(report.enforced),
        "narrowed": [{"pointer": at, "how": how} for at, how in report.narrowed],
        "refused": [{"pointer": at, "keyword": keyword, "why": why} for at, keyword, why in report.refused],
        "ignored": [{"pointer": at, "keyword": keyword, "why": why} for at, keyword, why in report.ignored],
        "empty": [{"pointer": at, "why": why} for at, why in report.empty],
        "unknown": [{"pointer": at, "keyword": word, "meant": meant} for at, word, meant in report.unknown],
    }
    if not report.refused:
        plain = schema.plain(text).report().narrowed
        facts["plain"] = [{"pointer": at, "how": how} for at, how in plain if (at, how) not in report.narrowed]
    if schema.has_spans:
        facts["text"] = schema.document
    return facts


def measured(schema: JsonSchema, vocabulary: Vocabulary) -> dict[str, Any]:
    """How large the automaton is, over bytes and over tokens, and what making it took: anew, whatever is remembered."""
    # The kernels are loaded by another schema, so that the times are those of this one.
    JsonSchema({"type": "string", "pattern": "a", "maxLength": 2}).compile(vocabulary)
    began = time.perf_counter()
    dfa = compile_expression(schema.expression())
    built = time.perf_counter()
    table = Table(lift(dfa, vocabulary), vocabulary)
    finished = time.perf_counter()
    farthest, shortest = int(dfa.ahead[1][0]), dfa.shortest() or b""
    return {
        "states": dfa.n_states,
        "shortest": shortest.decode(),
        "bytes": {"shortest": len(shortest), "longest": None if farthest < 0 else farthest},
        "tokens": {
            "vocabulary": vocabulary.size,
            "states": table.n_states,
            "classes": table.n_classes,
            "edges": table.n_edges,
            "shortest": table.shortest,
            "longest": table.longest,
        },
        "seconds": {"automaton": round(built - began, 4), "token_table": round(finished - built, 4)},
    }


def explained(schema: JsonSchema, instance: str) -> dict[str, Any]:
    """Whether an instance, as JSON, is in the language, and why not."""
    return asdict(explain(schema, instance))
