"""What `$ref` points to: identifiers, anchors and JSON pointers in a document, and in those that were given beside it.
Nothing is fetched."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any, TypeAlias
from urllib.parse import unquote, urljoin

from ctrldiff.errors import ConstraintTooLarge, SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema.documents import Documents
from ctrldiff.json_schema.keywords import KEYWORDS, REF_ALONE, REFERS, draft_of, those
from ctrldiff.pointer import escaped, place_in_list, unescaped

_ANCHORS = those(lambda row: row.holds == "anchor")


# Where each name that a dynamic reference may lead back out to was met first: (name, the resource that has it).
Scope: TypeAlias = tuple[tuple[str, str], ...]
MOST_COPIED = 100_000  # schemas that are read once more because they were reached on another way


class References:
    """The identifiers of one document, and of those in `documents` that it leads to, by URI; once per compilation.

    What a dynamic reference leads to depends on the resources that were entered on the way to it. So every schema is
    read in a scope; one that is reached in another scope than its place in the document has is a copy of it, made once,
    and within a copy that question is settled too.
    """

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
        self._scope: dict[int, Scope] = {}
        self._copies: dict[tuple[int, Scope], dict[str, Any]] = {}
        self._copied: dict[int, dict[str, Any]] = {}  # of each copy, by identity, what it is one of
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
        self._enter(root, ())

    # ---- the way on which a schema is reached

    def _entering(self, scope: Scope, base: str) -> Scope:
        """The scope within a resource."""
        known = dict(scope)
        new = {name: base for name, having in self.dynamic.items() if base in having and name not in known}
        return tuple(sorted((known | new).items())) if new else scope

    def _enter(self, schema: Any, scope: Scope) -> None:
        """Note the scope of a schema, and of all in it, that were not met yet."""
        todo = [(schema, scope)] if self.dynamic else []
        while todo:
            node, around = todo.pop()
            if isinstance(node, dict) and id(node) not in self._scope:
                inner = self._scope[id(node)] = self._entering(around, self.base.get(id(node), ""))
                todo.extend((part, inner) for part in schemas_in(node))

    def _within(self, schema: Any, scope: Scope) -> Any:
        """The schema where it is reached in a scope."""
        if not isinstance(schema, dict):
            return schema
        scope = self._entering(scope, self.base.get(id(schema), ""))
        self._enter(schema, scope)
        if self._scope.get(id(schema), ()) == scope:
            return schema
        if (id(schema), scope) not in self._copies:
            self._copies[id(schema), scope] = self._copy(schema, scope)
        return self._copies[id(schema), scope]

    def _copy(self, schema: dict[str, Any], scope: Scope) -> dict[str, Any]:
        whole = copy.deepcopy(schema)
        todo: list[tuple[Any, Any, Scope]] = [(schema, whole, scope)]
        while todo:
            old, new, around = todo.pop()
            if not isinstance(old, dict):
                continue
            self._copied[id(new)] = old
            if len(self._copied) > MOST_COPIED:
                raise ConstraintTooLarge("schemas by the way they are reached", MOST_COPIED, MOST_COPIED)
            tables: tuple[dict[int, Any], ...] = (self.base, self.at, self._alone)
            for known in tables:
                if id(old) in known:
                    known[id(new)] = known[id(old)]
            inner = self._scope[id(new)] = self._entering(around, self.base.get(id(old), ""))
            todo.extend((a, b, inner) for a, b in zip(schemas_in(old), schemas_in(new)))
        return whole

    def original(self, schema: Any) -> Any:
        """The schema of the document that this one is, or is a copy of."""
        return self._copied.get(id(schema), schema)

    # ---- what a reference names

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
        if document not in self.targets:
            raise SchemaUnsupported(
                f'"{keyword}" at {at}/{keyword} is not enforceable here',
                why=f"it points outside the document: {reference!r}",
                hint="give that document: JsonSchema(schema, documents={uri: schema}); nothing is fetched",
                pointer=f"{at}/{keyword}",
                keyword=keyword,
            )
        scope = self._scope.get(id(schema), ())
        outermost = self._outermost(keyword, document, fragment, scope)
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
        return self._within(target, scope), f"{at}/{keyword}({way})"

    def _outermost(self, keyword: str, document: str, fragment: str, scope: Scope) -> Any:
        """Where a dynamic reference leads out to: the outermost resource on the way that has the name, if what it names
        as it stands has it. None: it is a plain one."""
        having = self.dynamic.get("" if keyword == "$recursiveRef" else fragment, {})
        if keyword == "$ref" or (keyword == "$dynamicRef" and not fragment) or document not in having:
            return None
        return having[dict(scope).get("" if keyword == "$recursiveRef" else fragment, document)]

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
            place = place_in_list(key)
            if isinstance(target, list) and place is not None and place < len(target):
                target = target[place]
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


def before_references(pointer: str) -> str:
    """A pointer that tells the way through references (`resolve`), up to the first of them."""
    return _THROUGH.split(pointer, maxsplit=1)[0]


def last_reference(pointer: str) -> tuple[str, str]:
    """What the last reference on such a way names ("" if there is none), and the way on from there."""
    *before, last = _THROUGH.split(pointer)
    reference, _, rest = last.partition(")")
    return (reference, rest) if before else ("", pointer)


_THROUGH = re.compile(r"/(?:" + "|".join(map(re.escape, sorted(REFERS))) + r")\(")
