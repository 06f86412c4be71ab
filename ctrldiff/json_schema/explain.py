"""Why a text is, or is not, in a schema's language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ctrldiff.automata.dfa import Dfa
from ctrldiff.errors import InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.canonical import exact_value
from ctrldiff.text import check_text


@dataclass(frozen=True)
class Explanation:
    """What became of one instance.

    Fields:
        accepted: the canonical text of the instance is in the language.
        text: that canonical text; verbatim: whether the instance was given in it.
        byte: where the canonical text leaves the language, in bytes; None if accepted.
        could: how it might have gone on from there: the shortest member with that beginning; None if accepted.
        reasons: what the schema says against the value, as (place in the instance, message); empty for a valid value
            that is not written, because of a narrowing that `JsonSchema.report` lists.
    """

    accepted: bool
    text: str
    verbatim: bool
    byte: int | None
    could: str | None
    reasons: tuple[tuple[str, str], ...]


def explain(schema: JsonSchema, instance: str) -> Explanation:
    """Explain an instance, given as JSON text.

    Raises: InputError if it is not JSON; ConstraintError if the schema cannot be enforced.
    """
    try:
        value: Any = exact_value(instance)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the instance is not JSON: {error}", hint="pass JSON text, such as '{\"a\": 1}'") from error
    text = check_text(schema.canonical(value), "the canonical text of the instance")
    dfa = schema.dfa()
    byte = first_fault(dfa, text.encode())
    if byte is None and (proviso := schema.proviso()) is not None and (twice := proviso.fault(text.encode())):
        byte = twice.start
    if byte is None:
        return Explanation(True, text, instance == text, None, None, ())
    reasons = tuple(schema.objections(value))
    could = completed(dfa, text.encode()[:byte])
    return Explanation(False, text, instance == text, byte, could.decode(errors="replace"), reasons)


def first_fault(dfa: Dfa, data: bytes) -> int | None:
    """The byte of `data` at which no member goes on like it; its length if it ends too early; None for a member."""
    state = 0
    for place, byte in enumerate(data):
        state = dfa.step(state, byte)
        if state < 0:
            return place
    return None if dfa.accept[state] else len(data)


def completed(dfa: Dfa, beginning: bytes) -> bytes:
    """The shortest member that begins with `beginning`; empty if the language is."""
    if dfa.is_empty:
        return b""
    state, out, nearest = 0, bytearray(beginning), dfa.ahead[0]
    for byte in beginning:
        state = dfa.step(state, byte)
    while not dfa.accept[state]:
        byte = next(b for b in range(256) if dfa.step(state, b) >= 0 and nearest[dfa.step(state, b)] < nearest[state])
        out.append(byte)
        state = dfa.step(state, byte)
    return bytes(out)
