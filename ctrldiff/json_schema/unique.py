"""Nothing twice: no key in an object, no item in an array of `uniqueItems`. No automaton remembers it; it is told of a
text.

A schema is compiled without it, and its texts are held to it when they are decoded (`posterior/lawful.py`). Two values
are equal as in JSON Schema: 1 is 1.0, and the order of keys is no matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ctrldiff.json_schema.canonical import exact_value, value_text
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.keywords import ALTERNATIVES, OF_ANY, REFERS
from ctrldiff.json_schema.shape import items_of, listed
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.proviso import Fault

if TYPE_CHECKING:
    from ctrldiff.json_schema import JsonSchema

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|["{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_KEY = re.compile(rb'("(?:[^"\\]|\\.)*")(\s*:)?', re.DOTALL)
_KINDS = {b"{": "object", b"[": "array", b'"': "string", b"t": "boolean", b"f": "boolean", b"n": "null"}


@dataclass(eq=False)
class Node:
    """A value of a text. start, end: its bytes; end is -1 while more may follow. keys: those of an object's members."""

    kind: str
    start: int
    end: int = -1
    keys: list[tuple[str, int, int]] = field(default_factory=list)
    members: list[Node] = field(default_factory=list)


def read(text: bytes) -> Node | None:
    """The value that a JSON text writes, or begins to write; None before it begins."""
    root: Node | None = None
    within: list[Node] = []
    key: tuple[str, int, int] | None = None
    for found in _TOKEN.finditer(text):
        token, start, end = found[0], found.start(), found.end()
        if token == b'"':  # of a string that has only begun
            break
        if token in (b",", b":"):
            continue
        if token in (b"}", b"]"):
            within.pop().end = end
            continue
        parent = within[-1] if within else None
        if parent is not None and parent.kind == "object" and key is None:
            key = json.loads(token), start, end
            parent.keys.append(key)
            continue
        node = Node(_KINDS.get(token[:1], "number"), start)
        if node.kind in ("object", "array"):
            within.append(node)
        elif node.kind == "string" or end < len(text):
            node.end = end
        if parent is None:
            root = node
        else:
            parent.members.append(node)
        key = None
    return root


@dataclass(frozen=True)
class Unique:
    """The proviso of a schema (`posterior/proviso.py`).

    Fields: schema, if some array may hold an item twice in the texts of its automaton, else None: keys are told of any
        text alike; limits it was compiled within; negated, whether such an array stands where what a schema accepts is
        left out.
    """

    schema: JsonSchema | None = None
    limits: Limits = DEFAULT
    negated: bool = False

    def fault(self, text: bytes, whole: bool = True) -> Fault | None:
        """The first key or item that comes twice and must not.

        Which arrays hold their items apart may depend on the rest of the text: then only the whole text shows it.
        """
        if self.schema is None and not _repeated(text):
            return None
        root = read(text)
        if root is None:
            return None
        found = [fault for node in _all(root) if node.kind == "object" for fault in _twice(node.keys)]
        maybe: list[Fault] = []
        if self.schema is not None:
            holds = _holds(self.schema, self.limits)
            for array, sure in holds.arrays(root):
                (found if sure else maybe).extend(_equal_items(text, array))
            if not found and whole and (maybe or self.negated) and not holds.valid(exact_value(text)):
                found = [Fault(min((fault.start for fault in maybe), default=0), len(text) + 1)]
        return min(found, key=lambda fault: fault.end, default=None)


def _all(root: Node) -> Iterator[Node]:
    todo = [root]
    while todo:
        yield (node := todo.pop())
        todo += node.members


def _repeated(text: bytes) -> bool:
    """Some key may come twice, be it in two objects: seen at a glance, as most texts have none."""
    keys = [found[1] for found in _KEY.finditer(text) if found[2]]
    return len(set(keys)) < len(keys) or b"\\u" in text


def _twice(keys: list[tuple[str, int, int]]) -> Iterator[Fault]:
    seen: set[str] = set()
    for key, start, end in keys:
        if key in seen:
            yield Fault(start, end)
            return
        seen.add(key)


def _equal_items(text: bytes, array: Node) -> Iterator[Fault]:
    """The first item of an array that is equal to one before it."""
    seen: set[str] = set()
    for item in array.members:
        if item.end < 0:
            return
        value = value_text(exact_value(text[item.start : item.end]), sort=True)
        if value in seen:
            # That a number is over shows in the byte behind it.
            yield Fault(item.start, item.end + (item.kind == "number"))
            return
        seen.add(value)


@dataclass(eq=False)
class _Holds:
    """Which schemas surely hold at a place of a valid value, and whether a whole value is valid."""

    context: Context
    valid: Callable[[Any], bool]

    def arrays(self, root: Node) -> Iterator[tuple[Node, bool]]:
        """The arrays of a value, each with whether its items surely have to differ."""
        todo = [(root, self.surely([self.context.root], root.kind))]
        while todo:
            node, schemas = todo.pop()
            if node.kind == "array":
                yield node, any(schema.get("uniqueItems") is True for schema in schemas)
            for n, member in enumerate(node.members):
                todo.append((member, self.surely(self.below(schemas, node, n), member.kind)))

    def surely(self, schemas: list[Any], kind: str = "") -> list[Any]:
        """These schemas and those beside them that hold of every valid value (of this kind)."""
        found: list[Any] = []
        seen: set[int] = set()
        todo = list(schemas)
        while todo:
            schema = todo.pop()
            if not isinstance(schema, dict) or id(schema) in seen:
                continue
            seen.add(id(schema))
            found.append(schema)
            alone = self.context.references.alone(schema)
            if alone:
                found.pop()
            place = self.context.references.place(schema)
            todo += [self.context.resolve(schema, name, place)[0] for name in REFERS if name in schema]
            if alone:
                continue
            todo += schema.get("allOf", [])
            for keyword in ALTERNATIVES if kind else ():
                able = [one for one in schema.get(keyword, []) if self._may_be(one, kind)]
                todo += able if len(able) == 1 else []
        return found

    def _may_be(self, schema: Any, kind: str) -> bool:
        if schema is False:
            return False
        return all(kind in _kinds(part) for part in self.surely([schema]))

    def below(self, schemas: list[Any], node: Node, n: int) -> list[Any]:
        """The schemas that hold of a value's n-th member because these hold of it."""
        found: list[Any] = []
        for schema in schemas:
            if node.kind == "array":
                first, rest = items_of(schema)
                found += first[n : n + 1] if n < len(first) else [rest]
                continue
            name = node.keys[n][0]
            named = [schema["properties"][name]] if name in schema.get("properties", {}) else []
            named += [of for dfa, of in self.context.patterns(schema) if name in dfa]
            found += named or [schema.get("additionalProperties")]
        return [one for one in found if isinstance(one, dict)]


def _kinds(schema: dict[str, Any]) -> set[str]:
    """The JSON types that a schema's own keywords let be."""
    kinds = {*_KINDS.values(), "number"}
    declared = schema.get("type")
    if declared is not None:
        names = declared if isinstance(declared, list) else [declared]
        kinds &= {"number" if name == "integer" else name for name in names}
    if OF_ANY & schema.keys() - {"type"}:
        kinds &= {_KINDS.get(value_text(one)[:1].encode(), "number") for one in listed(schema)}
    return kinds


@lru_cache(maxsize=64)
def _holds(schema: JsonSchema, limits: Limits) -> _Holds:
    """What `Unique` asks of a schema."""
    return _Holds(schema.context(limits), schema.validator(limits))
