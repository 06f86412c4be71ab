"""What `$ref` points to: identifiers, anchors and JSON pointers in a document, and in those that were given beside it.
Nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urljoin

from ctrldiff.errors import SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema.documents import Documents
from ctrldiff.json_schema.keywords import KEYWORDS, REF_ALONE, REFERS, draft_of, those

_ANCHORS = those(lambda row: row.holds == "anchor")


class References:
    """The identifiers of one document, and of those in `documents` that it leads to, by URI; once per compilation."""

    def __init__(self, root: Any, documents: Documents | None = None) -> None:
        self.root = root
        self.documents = documents or Documents()
        self.base: dict[int, str] = {}
        self.at: dict[int, str] = {}  # the pointer of each schema that a keyword holds
        self.targets: dict[str, Any] = {"": root}
        # What a reference may lead back out to: a name and the resources that have it, each with the schema there. The
        # name "" is that of $recursiveAnchor, which stands at a resource's root.
        self.dynamic: dict[str, dict[str, Any]] = {}
        self.all: list[dict[str, Any]] = []
        self.draft = draft_of(root.get("$schema")) if isinstance(root, dict) else None
        self._alone: dict[int, bool] = {}  # of the schemas of other documents: a $ref silences what is beside it
        self._walk(root, "", self.draft)
        for uri, document in list(self.documents.read.items()):
            self._add(uri, document)

    def _add(self, uri: str, document: Any) -> None:
        """Read the identifiers of another document, which is in the draft of this one if it does not say."""
        declared = draft_of(document.get("$schema")) if isinstance(document, dict) else None
        self.targets[uri] = document
        self._walk(document, uri, declared or self.draft)

    def _walk(self, root: Any, uri: str, draft: str | None) -> None:
        todo = [(root, uri, f"{uri}#")]
        while todo:
            schema, base, at = todo.pop()
            if not isinstance(schema, dict):
                continue
            self.at.setdefault(id(schema), at)
            alone = self._alone[id(schema)] = draft in REF_ALONE
            name = schema.get("id" if draft == "draft-04" else "$id")
            if isinstance(name, str) and not (alone and "$ref" in schema):
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
                self.dynamic.setdefault("", {})[base] = schema
            if isinstance(schema.get("$dynamicAnchor"), str):
                self.dynamic.setdefault(schema["$dynamicAnchor"], {})[base] = schema
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
        if document not in self.targets:
            self._look_for(document)
        outermost, depends = self._outermost(keyword, document, fragment)
        if document not in self.targets or depends:
            what = "points outside the document" if document not in self.targets else "depends on who refers to it"
            raise SchemaUnsupported(
                f'"{keyword}" at {at}/{keyword} is not enforceable here',
                why=f"it {what}: {reference!r}",
                hint=_HINTS[document in self.targets],
                pointer=f"{at}/{keyword}",
                keyword=keyword,
            )
        if outermost is not None:
            target = outermost
        elif fragment and not fragment.startswith("/"):
            target = self.targets.get(f"{document}#{fragment}")
            if target is None:
                raise SchemaInvalid(f"{at}/{keyword} points to {reference!r}, which is not there")
        else:
            whole = self.targets[document]
            target = self._follow(whole, fragment, reference, f"{at}/{keyword}")
            self._place(target, self.place(whole) + fragment, self._alone.get(id(whole), self.draft in REF_ALONE))
        place = self.place(target)
        elsewhere = outermost is not None or not place.startswith("#")
        way = place if place and elsewhere else reference
        return target, f"{at}/{keyword}({way})"

    def _outermost(self, keyword: str, document: str, fragment: str) -> tuple[Any, bool]:
        """Where a dynamic reference leads out to, and whether that depends on the way on which it was reached.

        It leads to the outermost resource on that way that has the name, and the outermost of all is the schema's own.
        Where that has not, and one other alone has the name, it is that one.
        """
        named = self.dynamic.get("" if keyword == "$recursiveRef" else fragment, {})
        if keyword == "$ref" or (keyword == "$dynamicRef" and not fragment) or document not in named:
            return None, False
        own = self.base.get(id(self.root), "")
        return named.get(own), own not in named and len(named) > 1

    def _look_for(self, uri: str) -> None:
        """Read the document that was given under a URI, or else those that may have a part of that name."""
        document = self.documents.get(uri)
        if document is not None:
            self._add(uri, document)
            return
        for other in list(self.documents.naming(uri)):
            self._add(other, self.documents.get(other))
            if uri in self.targets:
                return

    def alone(self, schema: dict[str, Any]) -> bool:
        """The reference of this schema silences what stands beside it."""
        return "$ref" in schema and self._alone.get(id(schema), self.draft in REF_ALONE)

    def place(self, schema: dict[str, Any]) -> str:
        """The pointer of a schema of the document; of one that only compiling made, one that leads nowhere."""
        return self.at.get(id(schema), "")

    def _place(self, schema: Any, at: str, alone: bool) -> None:
        """Note where a schema is that only a reference leads to, and what is in it: its references are those of its
        document."""
        base, todo = self.base.get(id(schema), ""), [(schema, at)]
        while todo:
            node, here = todo.pop()
            if isinstance(node, dict) and id(node) not in self.at:
                self.at[id(node)] = here
                self._alone.setdefault(id(node), alone)
                self.base.setdefault(id(node), base)
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


_HINTS = {
    False: "give that document: JsonSchema(schema, documents={uri: schema}); nothing is fetched",
    True: "use a plain $ref to the schema that is meant",
}


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
