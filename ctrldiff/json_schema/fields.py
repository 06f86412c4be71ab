"""The fields of a JSON text: the tokens that lie wholly inside the value at a path, by the state of the automaton."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np

from ctrldiff.constraints.basic import Regex
from ctrldiff.constraints.description import And, Description
from ctrldiff.constraints.prior import key_pattern
from ctrldiff.errors import InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.keywords import KEYWORDS
from ctrldiff.json_schema.references import held
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.marked import lift_marked
from ctrldiff.tokens.vocabulary import Vocabulary

DEPTH = 16  # of brackets that are read past
_SPACE = r"[ \n\t]*"
_STRING = r'"(?s:[^"\\]|\\.)*"'
_IN_STRING = r'"(?s:[^"\\]|\\.)*'
_IN_SCALAR = r"[-+.0-9A-Za-z]"


def keys_of(path: str) -> tuple[str, ...]:
    """ "review.items[].name" as ("review", "items", "[]", "name"). Raises InputError."""
    parts = [part for part in re.split(r"\.|(\[\])", path) if part]
    if not parts or path.startswith(".") or path.endswith(".") or ".." in path:
        raise InputError(f"{path!r} is not a path", hint='keys with dots between them, "[]" for every item of an array')
    return tuple(parts)


@lru_cache(maxsize=64)
def prefixes(path: str) -> tuple[Description, Description, Description]:
    """The JSON texts, cut anywhere inside the string at a path; where a number, boolean or null there may begin or go
    on; and after a part of one."""
    before = ""
    for key in keys_of(path):
        if key == "[]":
            before += rf"{_SPACE}\[(?:{_balanced()},)?{_SPACE}"
        else:
            before += rf"{_SPACE}\{{{_balanced()}{key_pattern(key)}{_SPACE}:{_SPACE}"
    return Regex(before + _IN_STRING), Regex(f"{before}{_IN_SCALAR}*"), Regex(f"{before}{_IN_SCALAR}+")


@lru_cache(maxsize=1)
def _balanced() -> str:
    """Text outside strings, and whole strings, with every bracket closed again."""
    pattern = ""
    for _ in range(DEPTH):
        pattern = rf'(?:[^"{{}}\[\]]|{_STRING}' + (rf"|[{{\[]{pattern}[}}\]]" if pattern else "") + ")*"
    return pattern


def shallow(description: Description, limits: Limits = DEFAULT) -> bool:
    """Its texts nest at most `DEPTH` brackets deep."""
    return description.dfa(limits) <= Regex(_balanced()).dfa(limits)


@lru_cache(maxsize=16)
def field_table(
    description: Description,
    paths: tuple[str, ...],
    vocabulary: Vocabulary,
    limits: Limits = DEFAULT,
    held: tuple[Description, ...] = (),
) -> Table:
    """The description's table with a layer of scores for each path, after layer 0 for everything else.

    A token is in the field of a path if it lies wholly inside its value: within the quotes of a string, or within a
    number, true, false or null; a space before one is no matter. Paths must not overlap. held: of all of these, too,
    are the texts of the table.
    Raises: InputError for a description that is not JSON, a path at which the schema has no such value, or a schema
        that nests deeper than `DEPTH`; else as `Description.compile`.
    """
    if not isinstance(description, JsonSchema):
        raise InputError(
            f"fields are those of JSON, and this is a {type(description).__name__}",
            hint="ask for a JSON type, or guide the whole text",
        )
    dfa = And((description, *held)).dfa(limits) if held else description.dfa(limits)
    if not shallow(description, limits):
        raise InputError(f"the schema nests deeper than {DEPTH} levels", hint="guide the whole text")
    languages = [language.dfa(limits) for path in paths for language in prefixes(path)]
    automaton, marks = lift_marked(dfa, languages, vocabulary, limits)
    source, to = automaton.edge_from, automaton.edge_to
    layer = np.zeros(automaton.n_edges, np.int64)
    for n, path in enumerate(paths):
        string, begun, more = ((marks >> (3 * n + k)) & 1 for k in range(3))
        own = (string[source] & string[to]) | (begun[source] & more[to]) > 0
        if not own.any():
            raise InputError(f"the schema has no string, number, boolean or null at {path!r}", hint=_near(description))
        layer[own] = n + 1
    return Table(automaton, vocabulary, layer=layer, proviso=description.proviso(limits))


def _near(description: JsonSchema) -> str:
    found = sorted(_paths(description.schema, description.schema))
    return "values at: " + ", ".join(found[:8]) if found else ""


def _paths(node: Any, root: Any, at: str = "", depth: int = 0) -> set[str]:
    """Paths that the plain keywords of a schema name."""
    if not isinstance(node, dict) or depth > 8:
        return set()
    if str(node.get("$ref", "")).startswith("#/$defs/"):
        node = root.get("$defs", {}).get(node["$ref"][8:], {})
    out: set[str] = set()
    for key, value in node.get("properties", {}).items():
        out |= _paths(value, root, f"{at}.{key}" if at else key, depth + 1)
    out |= _paths(node.get("items"), root, at + "[]", depth + 1)
    for keyword, value in node.items():
        if keyword in KEYWORDS and KEYWORDS[keyword].of == "itself":
            for _, part in held(keyword, value):
                out |= _paths(part, root, at, depth + 1)
    return out or ({at} if at else set())
