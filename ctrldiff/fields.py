"""The values of an answer, each with how probable it is; what a calibration makes of that, and which are doubtful.

How probable a value is, is worked out in `decisions.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ctrldiff.doubt import Flag
from ctrldiff.grounded.kinds import Stated
from ctrldiff.json_schema.counts import Place as ListPlace
from ctrldiff.json_schema.counts import pointer
from ctrldiff.json_schema.places import Place, nodes
from ctrldiff.json_schema.shape import Shape, listed
from ctrldiff.pointer import name_of, place_in_list, unescaped
from ctrldiff.reliability import Calibration
from ctrldiff.sampling.counts import Count

KEPT = 5  # other values of a field that are kept
KINDS = ("null", "boolean", "number", "date", "enum", "string", "list", "object")
_DATES = {"date", "time", "date-time", "duration"}


class Alternative(NamedTuple):
    """Another value that a field might have had: its text, as JSON where the answer is JSON, and its probability."""

    text: str
    prob: float


@dataclass(frozen=True)
class Field:
    """One value of an answer, a list or an object among them: as it was decoded. Where `unsure="null"` put null in its
    place, `where` is that of the null.

    Fields:
        text: the value as it is written in `Result.raw`.       where: the characters of `Result.raw` that it takes.
        prob: how probable it is that the value is right: `exact`, or what a calibration makes of it.
        exact: the probability of the value under the posterior, given all of the answer before it; see `decisions.py`.
        legal_mass: the least that the model believed in anything legal at any of its positions as it was written; None
            for a label that was read by letters or by the bound.
        kind: "null", "boolean", "number", "date", "enum", "string", "list" or "object".
        source: the characters of the text where the value first stands verbatim, or of a `Grounded` one in whatever
            spelling; None if it stands nowhere there.
        others: the likeliest other values, most probable first; none of a list or object.
        counts: of a list, how probable 0, 1, ... items are, up to as many as it has, each given those before it; and
            last, more than that.
    """

    text: str
    where: tuple[int, int]
    prob: float
    exact: float
    legal_mass: float | None
    kind: str
    source: tuple[int, int] | None = None
    others: tuple[Alternative, ...] = field(default=(), repr=False)
    counts: tuple[float, ...] = field(default=(), repr=False)

    def alternatives(self, n: int = 3) -> tuple[Alternative, ...]:
        """The n likeliest other values, of the `KEPT` that are kept."""
        return self.others[:n]


def of_labels(raw: str, probs: Mapping[str, float], document: str, legal_mass: float | None) -> dict[str, Field]:
    """The one field of a lone choice, whose labels' probabilities are known."""
    ranked = sorted(((text, p) for text, p in probs.items() if text != raw), key=lambda one: (-one[1], one[0]))
    others = tuple(Alternative(*one) for one in ranked)
    source, kind = source_of(raw, document, quoted=False), "boolean" if raw in ("true", "false") else "enum"
    return {"": Field(raw, (0, len(raw)), probs[raw], probs[raw], legal_mass, kind, source, others)}


def counted_fields(fields: Mapping[str, Field], counts: Mapping[ListPlace, Count]) -> dict[str, Field]:
    """The fields of an answer whose lists were counted in slots: the number of items, or null, was a decision of its
    own, which a list, and all that it stands in, has among its factors."""
    out = dict(fields)
    for place, count in counts.items():
        name, rest = pointer(place), max(0.0, 1.0 - sum(count.probs))
        p = rest if count.number is None else count.probs[count.number]
        for above in dict.fromkeys([name, *(name[: one.start()] for one in re.finditer("/", name)), ""]):
            one = out[above]
            out[above] = replace(one, prob=one.prob * p, exact=one.exact * p)
        if count.number is not None and rest < 1.0:  # else that it is no list was sure, and of items nothing is known
            told = [one / (1.0 - rest) for one in count.probs[: count.number + 1]]  # given that it is no null
            out[name] = replace(out[name], counts=(*told, max(0.0, 1.0 - sum(told))))
    return out


def calibrated(fields: Mapping[str, Field], calibration: Calibration | None) -> dict[str, Field]:
    """The fields with the probabilities that a calibration makes of those of the posterior."""
    if calibration is None:
        return dict(fields)
    return {name: replace(one, prob=calibration.prob(one.kind, one.exact)) for name, one in fields.items()}


def improbable(raw: str, flags: Sequence[Flag], fields: Mapping[str, Field], below: float) -> tuple[Flag, ...]:
    """Flags of an answer, and one for every value that is less probable than this, in the order of the answer."""
    found = {flag.where: flag for flag in flags}
    for place, holds in (
        nodes(raw) if "" not in fields or len(fields) > 1 else [(Place("", 0, len(raw.encode())), False)]
    ):
        one = fields.get(name_of(place.where))
        if not holds and one is not None and one.prob < below:
            known = found.get(place.where) or Flag(
                place.where, one.text, 1.0 if one.legal_mass is None else one.legal_mass, place.start, place.end
            )
            found[place.where] = replace(known, prob=one.prob)
    return tuple(sorted(found.values(), key=lambda flag: flag.start))


def moved(fields: Mapping[str, Field], raw: str) -> dict[str, Field]:
    """The fields of an answer in which null was put for some values: where each stands now, and what it is now. A value
    that became null keeps what was said of the one that was written."""
    data = raw.encode("utf-8")
    known = {name_of(place.where): place for place, _ in nodes(raw)}
    return {name: replace(one, where=chars(data, known[name])) for name, one in fields.items() if name in known}


def sourced(fields: Mapping[str, Field], stated: Mapping[str, Sequence[Stated]]) -> dict[str, Field]:
    """The fields with the place in the text of those that were taken from it in another spelling."""
    out = dict(fields)
    for where, (first, *_) in ((where, found) for where, found in stated.items() if found):
        if name_of(where) in out:
            out[name_of(where)] = replace(out[name_of(where)], source=(first.start, first.end))
    return out


def kind_of(shape: Shape | None, pointer: str, text: str) -> str:
    """What kind of value stands at a place: by its text, and of strings by the schema."""
    if text[:1] in "{[":
        return "list" if text[0] == "[" else "object"
    if text in ("null", "true", "false"):
        return "null" if text == "null" else "boolean"
    if text[:1] != '"':
        return "number"
    for part in pointer.split("/")[1:]:
        name = unescaped(part)
        shape = None if shape is None else shape.property(name) if name in shape.names else _item(shape, name)
    members = shape.members if shape else []
    if any(listed(member) for member in members):
        return "enum"
    return "date" if any(member.get("format") in _DATES for member in members) else "string"


def _item(shape: Shape, name: str) -> Shape:
    is_list = "array" in shape.types or "object" not in shape.types
    place = place_in_list(name) if is_list else None
    return shape.other() if place is None else shape.item(place)


def source_of(text: str, document: str, *, quoted: bool) -> tuple[int, int] | None:
    """The characters of the document where a value first stands as it is."""
    plain = json.loads(text) if quoted and text[:1] == '"' else text
    if not plain or plain in ("null", "true", "false") or (quoted and text[:1] in "[{"):
        return None
    at = document.find(plain)
    return None if at < 0 else (at, at + len(plain))


def chars(data: bytes, place: Place) -> tuple[int, int]:
    """A place in characters."""
    start = len(data[: place.start].decode("utf-8"))
    return start, start + len(data[place.start : place.end].decode("utf-8"))
