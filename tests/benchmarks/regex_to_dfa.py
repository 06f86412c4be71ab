"""Pattern -> minimal byte automaton, beside two other packages: `python -m tests.benchmarks.regex_to_dfa`.

interegular builds and reduces an automaton over characters (its `\\w` is ASCII, so its figure on that row is for a
smaller language); outlines-core builds its index over the 256 single bytes; ours parses, determinises and minimises
over bytes. Each call runs in a forked child with everything imported and compiled. Processor time, so that other
work on the machine matters less; medians of 7 to 101 calls, or one call where it takes longer than a second.
"""

from __future__ import annotations

import json

import interegular
import outlines_core
from outlines_core.json_schema import build_regex_from_schema

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import any_text
from ctrldiff.regex.parse import parse
from tests.benchmarks.child import Cost, cost, machine

TIMEOUT_S = 20


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


def timed(call: object, pattern: str) -> Cost:
    """A median over calls; one call where the first took longer than a second."""
    once = cost(lambda: call(pattern), timeout_s=TIMEOUT_S)  # type: ignore[operator]
    if once.seconds is None or once.seconds > 1:
        return once
    repeats = min(101, max(7, int(0.3 / once.seconds)))
    return cost(lambda: call(pattern), repeats=repeats, timeout_s=TIMEOUT_S)  # type: ignore[operator]


def main() -> None:
    """Print one row per pattern."""
    assert not (compile_expression(parse(r"(a|é){1,3}x*")) & any_text()).is_empty  # compiles every kernel
    print(f"{machine()}\n\n| pattern | ours | states | interegular | ratio | outlines-core | ratio |")
    print("|---|---|---|---|---|---|---|")
    for name, pattern in PATTERNS.items():
        mine = timed(ours, pattern)
        cells = [name, _milliseconds(mine), mine.answer.removesuffix(" states")]
        for call in (by_interegular, by_outlines):
            other = timed(call, pattern)
            failed = "Error" in other.answer or "panicked" in other.answer
            cells.append(other.answer if failed else _milliseconds(other))
            cells.append("" if failed else _ratio(mine, other))
        print("| " + " | ".join(cells) + " |", flush=True)


def _milliseconds(found: Cost) -> str:
    return f"> {TIMEOUT_S} s" if found.seconds is None else f"{1000 * found.seconds:,.2f} ms"


def _ratio(mine: Cost, other: Cost) -> str:
    if mine.seconds is None:
        return "?"
    if other.seconds is None:
        return f"> {TIMEOUT_S / mine.seconds:,.0f}x"
    ratio = other.seconds / mine.seconds
    return f"{ratio:,.0f}x" if ratio >= 10 else f"{ratio:.2g}x"


if __name__ == "__main__":
    main()
