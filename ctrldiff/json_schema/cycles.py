"""Which schemas lead back to themselves: the strongly connected components of a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ctrldiff.errors import SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema.keywords import REFERS
from ctrldiff.json_schema.references import References, schemas_in


class Cycles:
    """The recursive groups of schemas of one document."""

    def __init__(self, references: References) -> None:
        self.references = references
        self._group: dict[int, int] = {}
        if any(keyword in schema for schema in references.all for keyword in REFERS):
            self._find(references.root)

    @property
    def none(self) -> bool:
        """No schema leads back to itself."""
        return not self._group

    def of(self, schema: dict[str, Any]) -> int | None:
        """The group of a schema that leads back to itself; None for others."""
        return self._group.get(id(schema))

    def closed_by(self, schema: dict[str, Any]) -> int | None:
        """The group that the reference of `schema` goes round in; None if it has none, or leads elsewhere."""
        group = self.of(schema)
        inside = group is not None and any(self.of(target) == group for target in self._targets(schema))
        return group if inside else None

    def _targets(self, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for keyword in REFERS:
            if keyword in schema:
                try:
                    target, _ = self.references.resolve(schema, keyword, "#")
                except (SchemaUnsupported, SchemaInvalid):
                    continue  # raised, with its place, where it is compiled
                if isinstance(target, dict):
                    yield target

    def _onward(self, schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from self._targets(schema)
        yield from (part for part in schemas_in(schema) if isinstance(part, dict))

    def _find(self, root: dict[str, Any]) -> None:
        """Tarjan's algorithm on a list of its own instead of the stack of Python."""
        number: dict[int, int] = {id(root): 0}
        low: dict[int, int] = {id(root): 0}
        path: list[int] = [id(root)]
        on_path: set[int] = {id(root)}
        work: list[tuple[dict[str, Any], Iterator[dict[str, Any]]]] = [(root, self._onward(root))]
        while work:
            schema, rest = work[-1]
            child = next(rest, None)
            if child is None:
                work.pop()
                me = id(schema)
                if work:
                    parent = id(work[-1][0])
                    low[parent] = min(low[parent], low[me])
                if low[me] == number[me]:
                    group = [path.pop()]
                    while group[-1] != me:
                        group.append(path.pop())
                    on_path.difference_update(group)
                    if len(group) > 1 or any(target is schema for target in self._targets(schema)):
                        self._group.update(dict.fromkeys(group, number[me]))
            elif id(child) not in number:
                number[id(child)] = low[id(child)] = len(number)
                path.append(id(child))
                on_path.add(id(child))
                work.append((child, self._onward(child)))
            elif id(child) in on_path:
                low[id(schema)] = min(low[id(schema)], number[id(child)])
