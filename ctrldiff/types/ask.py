"""How a wanted type is said to the model: the short text that a prompt template's `{ask}` stands for.

The compiler's own reading of the schema is what is rendered (`json_schema/shape.py`), so every key that may be written
is named, whichever keyword it comes from. Two styles: "described" says all that helps, "keys" is the terse form that
the model in the box was trained on. They differ only where there is something to say: what may be null, what may be
left out, descriptions, alternatives; and a described key in capitals is said in small letters, which `small` reads far
better (279 of 400 fields of letters that it was not trained on, and 245 as they are).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.keywords import ALTERNATIVES
from ctrldiff.json_schema.shape import Shape, items_of, listed

BARE = {"integer": "int", "number": "number", "boolean": "bool"}
PLACES = 2_000  # of a schema that are looked at
DEEPEST = 60
LONGEST = 200  # characters of a description

Style = Literal["described", "keys"]


@dataclass(frozen=True)
class Asked:
    """One place of a type, as it is said.

    Fields: word, the kind of a bare value; labels, of a choice; kinds, all of them where there are several; keys, of an
        object, with whether each may be left out; items, of an array; alternatives, objects of which it is one;
        nullable; text, its description.
    """

    word: str = ""
    labels: tuple[str, ...] = ()
    kinds: str = ""
    keys: tuple[tuple[str, bool, Asked], ...] = ()
    items: tuple[Asked, ...] | None = None
    alternatives: tuple[Asked, ...] = ()
    is_object: bool = False
    nullable: bool = False
    text: str = ""

    def said(self, style: Style, name: str | None = None, most: int | None = None) -> str:
        """As words; `name` is what a bare value is called, if anything. Of each choice at most `most` labels are said,
        and that there are more."""
        kind = self._kind(style, most)
        if style == "described" and self.nullable:
            kind = (kind or "string") + "|null"
        if name:
            kind = f"{name}:{kind}" if kind else name
        told = f' "{self.text}"' if style == "described" and self.text else ""
        return kind + told if not self.is_object or name else (told.strip() + " " + kind).strip()

    @property
    def longest(self) -> int:
        """How many labels the longest of its choices has."""
        parts = (*(value for _, _, value in self.keys), *(self.items or ()), *self.alternatives)
        return max((len(self.labels), *(part.longest for part in parts)))

    def _kind(self, style: Style, most: int | None) -> str:
        if self.alternatives and style == "described":
            return "|".join(one._kind(style, most) for one in self.alternatives)
        if self.is_object:
            pairs = []
            for key, optional, value in self.keys:
                mark = "?" if optional and style == "described" else ""
                name = self._small(key) if style == "described" else key
                pairs.append(value.said(style, name + mark, most))
            return "{" + ",".join(pairs) + "}"
        if self.items is not None:
            return "[" + ",".join(item.said(style, most=most) for item in self.items) + "]"
        if self.labels:
            return "|".join(self.labels if most is None or len(self.labels) <= most else (*self.labels[:most], "..."))
        return self.kinds if self.kinds and style == "described" else self.word

    def _small(self, key: str) -> str:
        """A key in capitals in small letters, where no other key of the object is called that."""
        small = key.lower()
        return small if key.isupper() and sum(other.lower() == small for other, *_ in self.keys) == 1 else key


def ask_for(schema: Any, name: str | None = None) -> str:
    """A JSON Schema in the terse style.

    Args:
        schema: a dict, or anything else that `JsonSchema` reads.
        name: what a bare (not object) value is called, if anything: "total" gives "total:number".
    Returns: e.g. "{key,key:int,key:a|b,key:[],key:[{name,quantity:int}],key:{name,city}}", "total:number",
        "int", "positive|negative"; "" for a nameless string.
    Raises: ConstraintError for what is no schema.
    """
    return asked(JsonSchema(schema)).said("keys", name)


def asked(schema: JsonSchema) -> Asked:
    """A schema, as it is said. Raises: ConstraintError for what is no schema, or refers to what is not there."""
    return _Reader(schema.optional == "omit").place(schema.shape(), frozenset(), 0)


@dataclass
class _Reader:
    """A walk over the places of a schema, which looks at so many and no more."""

    may_omit: bool
    seen: int = 0

    def place(self, shape: Shape, inside: frozenset[int], depth: int) -> Asked:
        """One place. A recursive type says its keys once."""
        self.seen += 1
        own = {id(member) for member in shape.members if "properties" in member}
        if own & inside:
            return Asked()
        if depth > DEEPEST or self.seen > PLACES:
            return Asked("...")  # what is not said any more is said to be there
        inside = inside | own
        values = [value for member in shape.members for value in listed(member)]
        nullable = "null" in shape.types or None in values
        kinds = [kind for kind in shape.types if kind != "null"]
        text = next((m["description"] for m in shape.members if isinstance(m.get("description"), str)), "")
        text = " ".join(text.split())[:LONGEST].replace('"', "'")
        if words := _labels(shape, values, kinds):
            return Asked(labels=tuple(words), nullable=nullable, text=text)
        if shape.names or "object" in kinds:
            keys = self._keys(shape, shape.names, inside, depth)
            others = self._alternatives(shape, inside, depth)
            return Asked(keys=keys, alternatives=others, is_object=True, nullable=nullable, text=text)
        if "array" in kinds or any("items" in member or "prefixItems" in member for member in shape.members):
            return Asked(items=self._items(shape, inside, depth), nullable=nullable, text=text)
        if any(member.get("format") == "date" for member in shape.members):
            return Asked("date", nullable=nullable, text=text)
        every = "|".join(dict.fromkeys(BARE.get(kind, kind) for kind in kinds)) if len(kinds) > 1 else ""
        return Asked(BARE.get(kinds[0], "") if kinds else "", kinds=every, nullable=nullable, text=text)

    def _keys(
        self, shape: Shape, names: tuple[str, ...], inside: frozenset[int], depth: int
    ) -> tuple[tuple[str, bool, Asked], ...]:
        return tuple(
            (name, self.may_omit and name not in shape.required, self.place(shape.property(name), inside, depth + 1))
            for name in names
        )

    def _alternatives(self, shape: Shape, inside: frozenset[int], depth: int) -> tuple[Asked, ...]:
        """The objects of a union, each with its own keys, if they differ."""
        context = shape.context
        for member in shape.members:
            branches = [b for key in ALTERNATIVES for b in _list(member.get(key)) if isinstance(b, dict)]
            named = [(branch, context.names_of(branch)) for branch in branches if context.names_of(branch)]
            if len(named) < 2 or len({names for _, names in named}) < 2:
                continue
            shared = {name for _, names in named for name in names}
            outside = tuple(name for name in shape.names if name not in shared)
            common = self._keys(shape, outside, inside, depth)
            found = []
            for branch, names in named:
                if any("properties" in part for part in context.together((branch,))):
                    place = context.shape((branch,), None)
                    found.append(Asked(keys=(*common, *self._keys(place, names, inside, depth)), is_object=True))
            if len(found) > 1:
                return tuple(found)
        return ()

    def _items(self, shape: Shape, inside: frozenset[int], depth: int) -> tuple[Asked, ...]:
        first = max((len(items_of(member)[0]) for member in shape.members), default=0)
        return tuple(self.place(shape.item(n), inside, depth + 1) for n in range(min(first, 20) or 1))


def _labels(shape: Shape, values: list[Any], kinds: list[str]) -> list[str]:
    """The labels of a choice, and the kinds of value that are allowed beside them."""
    if not values or any(isinstance(value, dict | list) for value in values):
        return []
    labels = list(dict.fromkeys(_word(value) for value in values if value is not None))
    listed_kinds = {_kind_of(value) for value in values}
    open_kinds = {
        name for m in shape.members if not listed(m) for name in _list(m.get("type")) or [m.get("type")] if name
    }
    for name in kinds:
        beside = "number" if name == "integer" else name
        if name in open_kinds and beside not in listed_kinds and name in BARE:
            labels.append(BARE[name])
    return labels


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "string"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _word(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
