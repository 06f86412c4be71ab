"""Which keys of a JSON Schema may be null, and the texts in which they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ctrldiff.automata.vocabulary import Vocabulary
from ctrldiff.constraints.basic import Regex
from ctrldiff.constraints.json_schema import JsonSchema
from ctrldiff.constraints.prior import Prior, value_of
from ctrldiff.errors import ConstraintUnsatisfiable
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.table import Table


def null_tables(
    schema: JsonSchema, vocabulary: Vocabulary, prior: Prior = Prior(), limits: Limits = DEFAULT
) -> dict[str, Table]:
    """For every key that may be null, the texts in which it is, at least once and at any depth.

    Give them to `branch_probs` of the schema's own posterior (bound with the same prior): the exact probability that
    the answer says `null` there, summed over everything else it may say. Raises: ConstraintTooLarge.
    """
    tables = {}
    for key in dict.fromkeys(_keys(schema.schema)):
        try:
            tables[key] = prior.compile(schema & Regex(value_of(key) + "null(?s:.*)"), vocabulary, limits)
        except ConstraintUnsatisfiable:  # that is how it says that it is never null
            continue
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
