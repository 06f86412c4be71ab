"""Which part of a schema that no value satisfies is the reason: the first that became nothing, and must not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.json_schema.keywords import ALTERNATIVES, KEYWORDS
from ctrldiff.pointer import place_in_list, unescaped

if TYPE_CHECKING:
    from ctrldiff.json_schema.context import Context, Walked
    from ctrldiff.json_schema.subs import Sub


def first_nothing(context: Context, walked: Walked) -> tuple[str, str]:
    """The pointer of the innermost schema whose emptiness leaves the whole one empty, and what is wrong there."""
    key = walked.root
    seen = {key}
    while True:
        here = walked.subs[key]
        empty = [k for k in walked.below[key] if k not in seen and _is_nothing(context, walked, k)]
        below = [k for k in empty if _is_needed(here, walked.subs[k], [walked.subs[e] for e in empty])]
        if not below:
            return here.pointer, _why(context, here)
        key = below[0]
        seen.add(key)


def _is_nothing(context: Context, walked: Walked, key: object) -> bool:
    try:
        return context.compiled(walked.known[key]).is_empty
    except ConstraintTooLarge:
        return False  # what is too large to look at is not named


def _is_needed(here: Sub, part: Sub, empty: list[Sub]) -> bool:
    """No value of `here` can do without one of `part`; `empty` are its parts that have none."""
    schema = here.schema
    way = part.pointer.removeprefix(here.pointer).split("/")[1:]
    if not way or not isinstance(schema, dict):
        return True
    keyword, rest = way[0].partition("(")[0], [unescaped(token) for token in way[1:]]
    row = KEYWORDS.get(keyword)
    if part.exact and not here.exact:
        return False  # it is looked at to be excluded
    if keyword in ALTERNATIVES:
        own = [one for one in empty if one.pointer.startswith(f"{here.pointer}/{keyword}/")]
        return len(own) >= len(schema.get(keyword, ()))
    if keyword == "properties" and rest:
        return rest[0] in schema.get("required", ()) or here.shape.context.options.optional == "write"
    if row is not None and row.role == "applies" and row.family == "array":
        place = place_in_list(rest[0]) if rest else None
        place = len(schema.get("prefixItems", ())) if place is None else place
        return bool(schema.get("minItems", 0) > place)
    return row is not None and (row.always or row.role == "refers")


def _why(context: Context, sub: Sub) -> str:
    schema = sub.schema
    if sub.shape.dead:
        return "the recursion that leads there has no end"
    for pointer, what in context.contradictions:
        if pointer == sub.pointer:
            return what
    if schema is False:
        return "it is false, which no value satisfies"
    if not isinstance(schema, dict):
        return "nothing can stand there"
    if schema.get("enum") == []:
        return "its enum lists no value"
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if properties.get(name) is False:
            return f"{name!r} is required, and no value satisfies its schema, false"
    said = [name for name in schema if name in KEYWORDS and KEYWORDS[name].role in ("asserts", "applies", "refers")]
    return f"its keywords exclude each other: {', '.join(said)}"
