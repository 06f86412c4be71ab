"""A schema without the keywords that cannot be enforced: what the caller may ask for, and is told."""

from __future__ import annotations

import copy
from typing import Any

from ctrldiff.json_schema.references import References, last_reference, unescaped


def without(root: Any, pointer: str, keyword: str) -> Any:
    """A copy of `root` without the keyword that a refusal points to; None if there is no such place in it."""
    if not pointer.startswith("#"):
        return None
    root = copy.deepcopy(root)
    target: Any = root
    reference, rest = last_reference(pointer)
    if reference:
        target = References(root).resolve({"$ref": reference}, "$ref", "#")[0]
    tokens = [unescaped(token) for token in rest.split("/")[1:]]
    if not tokens or tokens[-1] != keyword:
        return None
    for token in tokens[:-1]:
        if isinstance(target, list) and token.isdigit() and int(token) < len(target):
            target = target[int(token)]
        elif isinstance(target, dict) and token in target:
            target = target[token]
        else:
            return None
    if not isinstance(target, dict) or keyword not in target:
        return None
    del target[keyword]
    return root
