"""What `$ref` points to: identifiers, anchors and JSON pointers inside one document. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin

from ctrldiff.errors import SchemaInvalid, SchemaUnsupported

MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
SINGLE: tuple[str, ...] = (
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "contentSchema",
    "not",
    "if",
    "then",
    "else",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "items",
)
OLD_DRAFTS = ("draft-03", "draft-04", "draft-06", "draft-07")  # where a $ref silences what stands beside it


class References:
    """The identifiers of one document, by URI; made once per compilation."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.base: dict[int, str] = {}
        self.targets: dict[str, Any] = {"": root}
        self.dynamic: dict[str, int] = {}
        self.all: list[dict[str, Any]] = []
        declared = root.get("$schema", "") if isinstance(root, dict) else ""
        self.ref_alone = isinstance(declared, str) and any(draft in declared for draft in OLD_DRAFTS)
        self.old_id = isinstance(declared, str) and "draft-04" in declared
        self._walk(root)

    def _walk(self, root: Any) -> None:
        todo = [(root, "")]
        while todo:
            schema, base = todo.pop()
            if not isinstance(schema, dict):
                continue
            name = schema.get("id" if self.old_id else "$id")
            if isinstance(name, str) and not (self.ref_alone and "$ref" in schema):
                if name.startswith("#"):
                    self.targets[base + name] = schema
                else:
                    base = _joined(base, name).removesuffix("#")
                    self.targets.setdefault(base, schema)
            self.base[id(schema)] = base
            self.all.append(schema)
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(schema.get(keyword), str):
                    self.targets[f"{base}#{schema[keyword]}"] = schema
            if isinstance(schema.get("$dynamicAnchor"), str):
                self.dynamic[schema["$dynamicAnchor"]] = self.dynamic.get(schema["$dynamicAnchor"], 0) + 1
            todo.extend((part, base) for part in schemas_in(schema))

    def resolve(self, schema: dict[str, Any], keyword: str, at: str) -> tuple[Any, str]:
        """The schema that `schema[keyword]` names, and its pointer, which tells the way here."""
        reference = schema[keyword]
        if not isinstance(reference, str):
            raise SchemaInvalid(f"{at}/{keyword} is not a string")
        uri = _joined(self.base.get(id(schema), ""), reference)
        document, _, fragment = uri.partition("#")
        fragment = unquote(fragment)
        if document not in self.targets or (keyword == "$dynamicRef" and self.dynamic.get(fragment, 0) > 1):
            what = "points outside the document" if document not in self.targets else "depends on who refers to it"
            raise SchemaUnsupported(
                f'"{keyword}" at {at}/{keyword} {what}: {reference!r}',
                hint="put the schema under $defs and use a plain $ref; nothing is fetched",
                pointer=f"{at}/{keyword}",
                keyword=keyword,
            )
        if fragment and not fragment.startswith("/"):
            target = self.targets.get(f"{document}#{fragment}")
            if target is None:
                raise SchemaInvalid(f"{at}/{keyword} points to {reference!r}, which is not there")
        else:
            target = self._follow(self.targets[document], fragment, reference, f"{at}/{keyword}")
        return target, f"{at}/{keyword}({reference})"

    def _follow(self, target: Any, fragment: str, reference: str, at: str) -> Any:
        for token in fragment.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            if isinstance(target, list) and key.isdigit() and int(key) < len(target):
                target = target[int(key)]
            elif isinstance(target, dict) and key in target:
                base = self.base.get(id(target), "")
                target = target[key]
                if isinstance(target, dict):
                    self.base.setdefault(id(target), base)
            else:
                raise SchemaInvalid(f"{at} points to {reference!r}, which is not there")
        return target


def _joined(base: str, reference: str) -> str:
    if reference.startswith("#"):
        return base + reference
    return urljoin(base, reference)


def schemas_in(schema: dict[str, Any]) -> Iterator[Any]:
    """The schemas that stand in the keywords of `schema`."""
    for keyword, value in schema.items():
        if keyword in MAPS and isinstance(value, dict):
            yield from value.values()
        if keyword in LISTS and isinstance(value, list):
            yield from value
        if keyword in SINGLE and isinstance(value, dict):
            yield value
