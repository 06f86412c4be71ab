"""Branches at a field: the texts in which the value of a key is null, or has a length, or matches anything regular."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ctrldiff.constraints.basic import Regex
from ctrldiff.constraints.prior import Prior, value_of
from ctrldiff.errors import ConstraintUnsatisfiable
from ctrldiff.json_schema import JsonSchema
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.vocabulary import Vocabulary


def value_tables(
    schema: JsonSchema,
    key: str,
    patterns: Mapping[str, str],
    vocabulary: Vocabulary,
    prior: Prior = Prior(),
    limits: Limits = DEFAULT,
) -> dict[str, Table]:
    """For each pattern, the texts in which the value of `key`, as it is written, matches: once at least, at any depth.

    Give them to `branch_probs` of the schema's own posterior (bound with the same prior): the exact probability of that
    branch, summed over everything else the answer may say. Patterns that no text of the schema has are left out.
    `{str(n): rf'"[^"\\\\]{{{n}}}"' for n in range(20)}` gives the posterior of a string's length.
    Raises: RegexSyntaxError, ConstraintTooLarge.
    """
    tables = {}
    for name, pattern in patterns.items():
        part = Regex(rf"{value_of(key)}(?:{pattern})(?:[,\]\}}\s](?s:.*))?")
        try:
            tables[name] = prior.compile(schema & part, vocabulary, limits)
        except ConstraintUnsatisfiable:
            continue
    return tables


def null_tables(
    schema: JsonSchema, vocabulary: Vocabulary, prior: Prior = Prior(), limits: Limits = DEFAULT
) -> dict[str, Table]:
    """For every key that may be null, the texts in which it is; see `value_tables`."""
    tables = {}
    for key in dict.fromkeys(_keys(schema.parts)):
        found = value_tables(schema, key, {key: "null"}, vocabulary, prior, limits)
        tables.update(found)
    return tables


def _keys(node: Any) -> Iterator[str]:
    todo = [node]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            if isinstance(node.get("properties"), dict):
                yield from node["properties"]
            todo.extend(reversed(node.values()))
        elif isinstance(node, list):
            todo.extend(reversed(node))
