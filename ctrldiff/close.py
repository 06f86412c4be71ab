"""An answer as it is told, written close together: without the tabs that filled the rooms of its canvas.

No string of JSON holds a tab, so all of them go. What speaks of places in the text is moved with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import AnyStr

from ctrldiff.doubt import Flag
from ctrldiff.fields import Alternative, Field
from ctrldiff.layout import TAB

FILL = TAB.decode()


def closed(text: str) -> str:
    """A text of JSON without tabs."""
    return text.replace(FILL, "")


def closed_flags(flags: Sequence[Flag], raw: str) -> tuple[Flag, ...]:
    """Flags of a text, in bytes of the same without tabs."""
    data = raw.encode("utf-8")
    places = ((_moved(data, TAB, one.start), _moved(data, TAB, one.end)) for one in flags)
    moved = zip(flags, places, strict=True)
    return tuple(replace(one, text=closed(one.text), start=start, end=end) for one, (start, end) in moved)


def closed_fields(fields: Mapping[str, Field], raw: str) -> dict[str, Field]:
    """Fields of a text, in characters of the same without tabs. Other values that differ in tabs alone are one, as
    probable as they are together; none is the value itself."""
    out = {}
    for name, one in fields.items():
        start, end = (_moved(raw, FILL, at) for at in one.where)
        out[name] = replace(one, text=closed(one.text), where=(start, end), others=_others(one))
    return out


def _moved(text: AnyStr, fill: AnyStr, at: int) -> int:
    return at - text.count(fill, 0, at)


def _others(one: Field) -> tuple[Alternative, ...]:
    probs: dict[str, float] = {}
    for other in one.others:
        text = closed(other.text)
        probs[text] = probs.get(text, 0.0) + other.prob
    probs.pop(closed(one.text), None)
    return tuple(Alternative(*other) for other in sorted(probs.items(), key=lambda other: (-other[1], other[0])))
