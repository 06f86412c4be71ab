"""Pattern -> minimal byte automaton, beside two other packages.

interegular builds and reduces an automaton over characters (its `\\w` is ASCII, so its figure on that row is for a
smaller language); outlines-core builds its index over the 256 single bytes; ours parses, determinises and minimises
over bytes. Each call runs in a forked child with everything imported and compiled. Processor time, so that other
work on the machine matters less; medians of up to 21 calls, or one call where it takes longer than .4 s.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import interegular
import outlines_core
from outlines_core.json_schema import build_regex_from_schema

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import any_text
from ctrldiff.regex.parse import parse
from tests.benchmarks.child import cost
from tests.benchmarks.record import Record

TIMEOUT_S = 5


def text(longest: int) -> dict[str, object]:
    """A string of a schema."""
    return {"type": "string", "maxLength": longest}


PERSON = {
    "name": text(40),
    "age": {"type": "integer"},
    "email": {"type": "string", "pattern": "[a-z0-9._-]{1,30}@[a-z0-9-]{1,20}[.][a-z]{2,6}"},
    "role": {"enum": ["admin", "editor", "viewer"]},
    "active": {"type": "boolean"},
    "score": {"type": "number"},
    "born": {"type": "string", "format": "date"},
    "address": {
        "type": "object",
        "properties": {"street": text(40), "zip": {"type": "string", "pattern": "[0-9]{5}"}, "city": text(30)},
        "required": ["street", "zip", "city"],
    },
    "tags": {"type": "array", "items": text(12), "maxItems": 4},
}
SCHEMA = build_regex_from_schema(json.dumps({"type": "object", "properties": PERSON, "required": list(PERSON)}))
PATTERNS = {
    f"JSON schema, {len(SCHEMA)} characters": SCHEMA,
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "e-mail": r"[a-z0-9._%+-]+@[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}",
    "IPv4": r"((25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})\.){3}(25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})",
    "number": r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?",
    "letters and marks": r"\w{1,30}",
    "200 words": "|".join(f"word{i * 7919 % 1000}" for i in range(200)),
    "12 back": r"(a|b)*a(a|b){12}",
    "string of 16": r'"([^"\\]|\\["\\]){0,16}"',
    "string of 20": r'"([^"\\]|\\["\\]){0,20}"',
    "string of 200": r'"([^"\\]|\\["\\]){0,200}"',
}


def ours(pattern: str) -> str:
    """States of our automaton."""
    return f"{compile_expression(parse(pattern)).n_states} states"


def by_interegular(pattern: str) -> str:
    """States of interegular's."""
    return f"{len(interegular.parse_pattern(pattern).to_fsm().reduce().states)} states"


def by_outlines(pattern: str) -> str:
    """States of the index over single bytes."""
    vocabulary = outlines_core.Vocabulary(256, {bytes([byte]): [byte] for byte in range(256)})
    return f"{len(outlines_core.Index(pattern, vocabulary).get_transitions())} states"


def records(quick: bool) -> Iterator[Record]:
    """One row per pattern."""
    assert not (compile_expression(parse(r"(a|é){1,3}x*")) & any_text()).is_empty  # compiles every kernel
    ways = {"ours": ours, "interegular": by_interegular, "outlines-core, single bytes": by_outlines}
    for of, pattern in PATTERNS.items():
        mine = None
        for name, way in ways.items():
            found = cost(lambda way=way, pattern=pattern: way(pattern), 3 if quick else 21, TIMEOUT_S)
            mine = mine or found
            yield found.record(name, ("ours", mine), of=of)
            if name == "ours":
                yield Record.one("states", int(found.answer.split()[0]), of=of)
