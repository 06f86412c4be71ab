"""What `$ref` points to: identifiers, anchors and JSON pointers inside one document. Nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin

from ctrldiff.errors import SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema.keywords import KEYWORDS, REF_ALONE, REFERS, draft_of, those

_ANCHORS = those(lambda row: row.holds == "anchor")


class References:
    """The identifiers of one document, by URI; made once per compilation."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self.base: dict[int, str] = {}
        self.at: dict[int, str] = {}  # the pointer of each schema that a keyword holds
        self.targets: dict[str, Any] = {"": root}
        self.dynamic: dict[str, int] = {}
        self.recursive: list[str] = []  # resources that a $recursiveRef may lead back out of
        self.all: list[dict[str, Any]] = []
        draft = draft_of(root.get("$schema")) if isinstance(root, dict) else None
        self.ref_alone = draft in REF_ALONE
        self.old_id = draft == "draft-04"
        self._walk(root)

    def _walk(self, root: Any) -> None:
        todo = [(root, "", "#")]
        while todo:
            schema, base, at = todo.pop()
            if not isinstance(schema, dict):
                continue
            self.at.setdefault(id(schema), at)
            name = schema.get("id" if self.old_id else "$id")
            if isinstance(name, str) and not (self.ref_alone and "$ref" in schema):
                if name.startswith("#"):
                    self.targets[base + name] = schema
                else:
                    base = _joined(base, name).removesuffix("#")
                    self.targets.setdefault(base, schema)
            self.base[id(schema)] = base
            self.all.append(schema)
            for keyword in _ANCHORS:
                if isinstance(schema.get(keyword), str):
                    self.targets[f"{base}#{schema[keyword]}"] = schema
            if schema.get("$recursiveAnchor") is True:
                self.recursive.append(base)
            if isinstance(schema.get("$dynamicAnchor"), str):
                self.dynamic[schema["$dynamicAnchor"]] = self.dynamic.get(schema["$dynamicAnchor"], 0) + 1
            todo.extend((part, base, at + way) for way, part in placed(schema))

    def resolve(self, schema: dict[str, Any], keyword: str, at: str) -> tuple[Any, str]:
        """The schema that `schema[keyword]` names, and its pointer, which tells the way here."""
        reference = schema[keyword]
        if not isinstance(reference, str):
            raise SchemaInvalid(f"{at}/{keyword} is not a string")
        uri = _joined(self.base.get(id(schema), ""), reference)
        document, _, fragment = uri.partition("#")
        fragment = unquote(fragment)
        if keyword == "$recursiveRef" and reference != "#":
            raise SchemaInvalid(f'{at}/{keyword} is {reference!r}, and can only be "#"')
        depends = keyword == "$dynamicRef" and self.dynamic.get(fragment, 0) > 1
        depends |= keyword == "$recursiveRef" and document in self.recursive and len(self.recursive) > 1
        if document not in self.targets or depends:
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
            self._place(target, self.place(self.targets[document]) + fragment)
        return target, f"{at}/{keyword}({reference})"

    def place(self, schema: dict[str, Any]) -> str:
        """The pointer of a schema of the document; of one that only compiling made, one that leads nowhere."""
        return self.at.get(id(schema), "")

    def _place(self, schema: Any, at: str) -> None:
        """Note where a schema is that only a reference leads to, and what is in it."""
        todo = [(schema, at)]
        while todo:
            node, here = todo.pop()
            if isinstance(node, dict) and id(node) not in self.at:
                self.at[id(node)] = here
                todo.extend((part, here + way) for way, part in placed(node))

    def _follow(self, target: Any, fragment: str, reference: str, at: str) -> Any:
        for token in fragment.split("/")[1:]:
            key = unescaped(token)
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
    return (part for _, part in placed(schema))


def placed(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """The same, each with the way there as a JSON pointer."""
    for name, value in schema.items():
        if name in KEYWORDS:
            yield from held(name, value)


def held(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The schemas that stand in one keyword, each with the way there."""
    holds = KEYWORDS[name].holds
    if holds == "map" and isinstance(value, dict):
        yield from ((f"/{name}/{escaped(key)}", part) for key, part in value.items())
    elif holds in ("schemas", "schema or schemas") and isinstance(value, list):
        yield from ((f"/{name}/{n}", part) for n, part in enumerate(value))
    elif holds in ("schema", "schema or schemas") and isinstance(value, dict):
        yield f"/{name}", value


def escaped(name: str) -> str:
    """A key as a token of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


def unescaped(token: str) -> str:
    """The key that a token of a JSON pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


def before_references(pointer: str) -> str:
    """A pointer that tells the way through references (`resolve`), up to the first of them."""
    return _THROUGH.split(pointer, maxsplit=1)[0]


def last_reference(pointer: str) -> tuple[str, str]:
    """What the last reference on such a way names ("" if there is none), and the way on from there."""
    *before, last = _THROUGH.split(pointer)
    reference, _, rest = last.partition(")")
    return (reference, rest) if before else ("", pointer)


_THROUGH = re.compile(r"/(?:" + "|".join(map(re.escape, sorted(REFERS))) + r")\(")
