"""One place in the instance, and everything a schema may say of it.

Keys have one order, and that order must not depend on which branch of a schema an instance satisfies. So the schemas
that may speak of one place (through `allOf`, `anyOf`, `not`, `$ref`, ...) are collected first: together they name the
properties, in their order, and the depth to which free values go. The texts that a place may hold at all are its
base; every schema is compiled to a subset of it, and "not" is what the base has left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ctrldiff.json_schema.keywords import FAMILY, OF_ANY, SPELLS, parts

if TYPE_CHECKING:
    from ctrldiff.json_schema.context import Context

KINDS = ("null", "boolean", "number", "string", "array", "object")
_OTHER_PROPERTIES, _UNEVALUATED_PROPERTIES = parts("object", "others"), parts("object", "unevaluated")
_DESCRIBING = parts("object", "matching") + parts("object", "names")  # properties that have no name in the schema
_ANY_ITEMS = parts("array", "some") + parts("array", "unevaluated")  # what speaks of items wherever they stand
_OF_ANY_NAME = frozenset((*parts("object", "matching"), *_OTHER_PROPERTIES, *_UNEVALUATED_PROPERTIES))
LONG = 256  # items of a listed array; longer ones have a place each only as far as one of them holds something


@dataclass(eq=False)
class Shape:
    """A place. Fields:

    seeds: the schemas that lead here; members: those and all that apply beside them, in the order of reading.
    names: the properties in their order. prefix: array items told apart by position.
    kinds: the JSON types that are written. open: whether properties beyond `names` are.
    level: nesting for indentation. free: nested places so far that no schema speaks of.
    of_names: it is not a value but the name of a property.
    entered: how often the recursive groups that speak here have been entered again. dead: too often.
    """

    context: Context
    seeds: tuple[Any, ...]
    level: int
    free: int
    entered: dict[int, int]
    dead: bool = False
    of_names: bool = False
    members: list[dict[str, Any]] = field(default_factory=list)
    names: tuple[str, ...] = ()
    prefix: int = 0
    kinds: tuple[str, ...] = KINDS
    open: bool = True
    implied: str | None = None
    _children: dict[object, Shape] = field(default_factory=dict)

    def __post_init__(self) -> None:
        members = self.members = self.context.speaking(self.seeds)
        self.names = self.context.names_of(*self.seeds)
        lengths = [len(m["prefixItems"]) for m in members if isinstance(m.get("prefixItems"), list)]
        lengths += [len(m["items"]) for m in members if isinstance(m.get("items"), list)]
        lengths += [_told_apart(value) for m in members for value in listed(m) if isinstance(value, list)]
        self.prefix = max(lengths, default=0)
        if self.context.options.additional == "declared":
            self._narrow()

    def _narrow(self) -> None:
        """Write declared properties, and the one type that is spoken of."""
        said = any(OF_ANY & m.keys() for m in self.members)
        families = {kind for m in self.members for kind, keywords in FAMILY.items() if keywords & m.keys()}
        if self.members and not said and len(families) == 1:
            self.implied = families.pop()
            self.kinds = (self.implied,)
        self.open = not self.names or any(
            any(key in m for key in _DESCRIBING)
            or any(isinstance(m.get(key), dict) for key in (*_OTHER_PROPERTIES, *_UNEVALUATED_PROPERTIES))
            or (isinstance(m.get("minProperties"), int) and m["minProperties"] > len(self.names))
            for m in self.members
        )

    @cached_property
    def types(self) -> tuple[str, ...]:
        """The types that schemas here name, in the order of reading; none if none does."""
        declared = (m.get("type") for m in self.members)
        names = (name for one in declared for name in (one if isinstance(one, list) else [one]))
        return tuple(dict.fromkeys(name for name in names if isinstance(name, str)))

    @cached_property
    def required(self) -> frozenset[str]:
        """The properties that some schema here requires."""
        lists = (m["required"] for m in self.members if isinstance(m.get("required"), list))
        return frozenset(name for one in lists for name in one if isinstance(name, str))

    @cached_property
    def said(self) -> bool:
        """Some schema here says more of a string or a number than its length or its bounds."""
        return self.of_names or any(SPELLS & member.keys() for member in self.members)

    @property
    def containers(self) -> bool:
        """Whether arrays and objects here may hold anything."""
        return bool(self.members) or self.free <= self.context.options.depth

    def property(self, name: str) -> Shape:
        """The place of a named property."""
        if name not in self._children:
            named, general = self._speaking
            speaking = sorted({*named.get(name, ()), *general})
            seeds = [s for n in speaking for s in self._of_property(self.members[n], name)]
            self._children[name] = self._child(seeds)
        return self._children[name]

    @cached_property
    def _speaking(self) -> tuple[dict[str, list[int]], list[int]]:
        """The members, by number, that name each property; and those that speak of any."""
        named: dict[str, list[int]] = {}
        general = []
        for n, member in enumerate(self.members):
            for name in member.get("properties", ()):
                named.setdefault(name, []).append(n)
            if not _OF_ANY_NAME.isdisjoint(member) or listed(member):
                general.append(n)
        return named, general

    def _of_property(self, member: dict[str, Any], name: str) -> Iterator[Any]:
        declared = member.get("properties", {})
        found = [declared[name]] if name in declared else []
        found += [s for dfa, s in self.context.patterns(member) if name in dfa]
        yield from found or [member[k] for k in _OTHER_PROPERTIES if k in member]
        yield from (member[k] for k in _UNEVALUATED_PROPERTIES if k in member)
        yield from (self.context.constant(value[name]) for value in listed(member) if _has(value, name))

    def other(self) -> Shape:
        """The place of every property that has no name here."""
        if ... not in self._children:
            seeds = []
            for m in self.members:
                seeds += [s for _, s in self.context.patterns(m)]
                seeds += [m[k] for k in (*_OTHER_PROPERTIES, *_UNEVALUATED_PROPERTIES) if k in m]
            self._children[...] = self._child(seeds)
        return self._children[...]

    def item(self, place: int) -> Shape:
        """The place of an array's item; places from `prefix` on are one."""
        place = min(place, self.prefix)
        if place not in self._children:
            seeds: list[Any] = []
            for m in self.members:
                first, rest = items_of(m)
                seeds += [first[place]] if place < len(first) else [rest] if rest is not None else []
                seeds += [m[k] for k in _ANY_ITEMS if k in m]
                seeds += [self.context.constant(v[place]) for v in listed(m) if isinstance(v, list) and place < len(v)]
            self._children[place] = self._child(seeds)
        return self._children[place]

    def _child(self, seeds: list[Any]) -> Shape:
        distinct = {id(seed): seed for seed in seeds if seed is not True and seed != {}}
        return self.context.shape(tuple(distinct.values()), self)


def listed(schema: dict[str, Any]) -> list[Any]:
    """The values of `enum` and `const`."""
    values: list[Any] = schema.get("enum", [])
    return [*values, schema["const"]] if "const" in schema else values


def items_of(schema: dict[str, Any]) -> tuple[list[Any], Any]:
    """The schemas of the first items, and that of the rest (None: any value), in new and old spelling."""
    first, rest = schema.get("prefixItems"), schema.get("items")
    if isinstance(rest, list):
        first, rest = rest, schema.get("additionalItems")
    return first or [], rest


def _told_apart(value: list[Any]) -> int:
    """How many items of a listed array have a place of their own. Those behind the last object or array need none: a
    place only says in which order keys are written."""
    if len(value) <= LONG:
        return len(value)
    return max((n + 1 for n, item in enumerate(value) if isinstance(item, dict | list)), default=0)


def _has(value: Any, name: str) -> bool:
    return isinstance(value, dict) and name in value
