"""A schema without the keywords that cannot be enforced: what the caller may ask for, and is told."""

from __future__ import annotations

from typing import Any

from ctrldiff.errors import ConstraintError
from ctrldiff.json_schema.documents import Documents
from ctrldiff.json_schema.references import References, last_reference
from ctrldiff.pointer import place_in_list, unescaped


def leave_out(root: Any, documents: Documents, pointer: str, keyword: str) -> bool:
    """Take the keyword that a refusal points to out of `root`, or out of the document that it stands in;
    False if there is no such place."""
    reference, rest = last_reference(pointer)
    document, mark, way = rest.partition("#") if not reference else ("", "#", rest)
    target: Any = root
    if reference or document:
        try:
            target = References(root, documents).resolve({"$ref": reference or f"{document}#"}, "$ref", "#")[0]
        except ConstraintError:
            return False  # a pointer that leads nowhere
    tokens = [unescaped(token) for token in way.split("/")[1:]]
    if not mark or not tokens or tokens[-1] != keyword:
        return False
    for token in tokens[:-1]:
        place = place_in_list(token)
        if isinstance(target, list) and place is not None and place < len(target):
            target = target[place]
        elif isinstance(target, dict) and token in target:
            target = target[token]
        else:
            return False
    if not isinstance(target, dict) or keyword not in target:
        return False
    del target[keyword]
    return True
