"""A schema as its draft means it: keywords that the draft does not have are left out, and told.

A validator ignores a keyword that its draft does not know. So must we: what is enforced beside what the draft says
would only narrow the language, but under `not` it would widen it. Without a known `$schema`, and without `draft=`,
every keyword counts, and old spellings are read where they cannot be taken for new ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from ctrldiff.errors import SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema.documents import Documents
from ctrldiff.json_schema.keywords import DRAFTS, KEYWORDS, REF_ALONE, REFERS, UNREAD, URIS, draft_of
from ctrldiff.json_schema.references import References, placed
from ctrldiff.pointer import escaped

Ignored = tuple[str, str, str]  # pointer, keyword, why


def as_draft(
    schema: Any, draft: str | None, documents: Documents | None = None, leave_out: frozenset[str] = frozenset()
) -> tuple[Any, list[Ignored]]:
    """The schema without the keywords that are foreign to its draft, and those keywords; so, too, each of the
    documents that it leads to.

    Args: schema: a fresh value: it is changed in place, as are the documents.   draft: of a schema that does not say
        its own; documents that do not say theirs have the schema's.   leave_out: keywords that the caller wants
        ignored.
    Raises: SchemaUnsupported for a draft before 4 or after 2020-12, or where a resource's draft reads what stands
        beside a `$ref` otherwise than the document's does; SchemaInvalid for a keyword whose value the draft rules out.
    """
    ignored: list[Ignored] = []
    for node, at, current in schemas_of(schema, draft, documents):
        if current is not None:
            ignored += _strip(node, at, current)
        _check_structure(node, at)
        for name in leave_out & node.keys():
            del node[name]
            ignored.append((f"{at}/{name}", name, "read as an annotation"))
    return schema, ignored


def schemas_of(
    root: Any, draft: str | None, documents: Documents | None = None
) -> Iterator[tuple[dict[str, Any], str, str | None]]:
    """Every schema of a document that is an object, its pointer, and the draft that it is read in: those that keywords
    hold, then those that only a reference leads to, in other documents too. What the caller takes out of
    one is not gone into.

    Raises: SchemaUnsupported, as `as_draft`.
    """
    if not isinstance(root, dict):
        return
    own = _declared(root, "#", draft)
    if own is not None:
        root["$schema"] = URIS[own]  # as the resolver of references reads it
    seen: set[int] = set()
    documents = documents or Documents()
    references: References | None = None  # most documents refer to nothing, and reading them once more is dear
    # Each with the draft that it is read in, and that of its document; what a reference leads to may stand where no
    # keyword holds it.
    referred: list[tuple[Any, str, str | None, str | None]] = []
    todo: list[tuple[Any, str, str | None, str | None]] = [(root, "#", own, own)]
    tops, drafts = {id(root)}, dict[str, str | None]()
    while todo or referred:
        node, at, current, of_document = todo.pop() if todo else referred.pop()
        if not isinstance(node, dict) or id(node) in seen:
            continue
        seen.add(id(node))
        if id(node) not in tops and "$schema" in node and ("$id" in node or "id" in node):
            current = _declared(node, at, current)
        beside = any(name in KEYWORDS and KEYWORDS[name].role in ("asserts", "applies") for name in node)
        if "$ref" in node and beside and (current in REF_ALONE) != (of_document in REF_ALONE):
            raise SchemaUnsupported(
                f'"$ref" at {at}/$ref stands in a resource of another draft, which reads what is beside it otherwise',
                hint="write the document in one draft",
                pointer=f"{at}/$ref",
                keyword="$ref",
            )
        yield node, at, current
        todo += [(part, at + way, current, of_document) for way, part in placed(node)]
        for name in node.keys() & REFERS:
            references = references or References(root, documents)
            try:
                target = references.original(references.resolve(node, name, at)[0])
            except (SchemaInvalid, SchemaUnsupported):
                target = None  # raised, with its place, where it is compiled
            for uri in documents.read.keys() - drafts.keys():
                document = documents.read[uri]
                tops.add(id(document))
                of = drafts[uri] = _declared(document, f"{uri}#", own) if isinstance(document, dict) else own
                todo.append((document, f"{uri}#", of, of))
            if isinstance(target, dict):
                place = references.place(target)
                of = drafts.get(place.partition("#")[0], current)
                referred.append((target, place, of, of))


def _declared(node: dict[str, Any], at: str, otherwise: str | None) -> str | None:
    """The draft of a resource. Raises SchemaUnsupported for one that is not read."""
    draft = draft_of(node.get("$schema"))
    if draft in UNREAD:
        raise SchemaUnsupported(
            f'"$schema" at {at}/$schema is {draft}, which is not read',
            hint=f"write it in one of {', '.join(DRAFTS)}",
            pointer=f"{at}/$schema",
            keyword="$schema",
        )
    return otherwise if draft is None else draft


def _strip(node: dict[str, Any], at: str, draft: str) -> list[Ignored]:
    """Take the keywords out of one schema that the draft does not have, and say which."""
    found = []
    for name in list(node):
        keyword = KEYWORDS.get(name)
        if keyword is None:
            continue
        _check(node, name, at, draft)
        if not keyword.known(draft) and keyword.role != "annotates":
            del node[name]
            found.append((f"{at}/{escaped(name)}", name, f"{draft} has no such keyword"))
    return found


def _check_structure(node: dict[str, Any], at: str) -> None:
    """Raise SchemaInvalid for a keyword that does not hold what it has to hold, with its place: whatever the type that
    it speaks of, and whether or not its schema allows that type."""
    for name, value in node.items():
        holds = KEYWORDS[name].holds if name in KEYWORDS else "value"
        if holds == "value":
            continue
        here = f"{at}/{name}"
        if holds in _PLAIN:
            right, what = _PLAIN[holds]
            if not right(value):
                hint = "draft 3 wrote it so; since then an object lists those of its properties"
                hint = hint if name == "required" and isinstance(value, bool) else ""
                raise SchemaInvalid(f"{here} is {_shown(value)}, not {what}", hint=hint, pointer=here)
        elif holds in ("map", "map of names"):
            _kind(value, dict, "an object", here)
            for key, part in value.items():
                within = f"{here}/{escaped(key)}"
                if holds == "map of names" or (name == "dependencies" and isinstance(part, list)):
                    if not _are_names(part):
                        raise SchemaInvalid(f"{within} is {_shown(part)}, not a list of names", pointer=within)
                else:
                    _kind(part, dict | bool, "a schema", within)
        elif holds == "schemas" or (holds == "schema or schemas" and isinstance(value, list)):
            _kind(value, list, "a list of schemas", here)
            for n, part in enumerate(value):
                _kind(part, dict | bool, "a schema", f"{here}/{n}")
        elif holds in ("schema", "schema or schemas"):
            _kind(value, dict | bool, "a schema", here)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


# What each kind of value is that holds no schema, and how it is called.
_PLAIN: dict[str, tuple[Callable[[Any], bool], str]] = {
    "list": (lambda value: isinstance(value, list), "a list of values"),
    "string": (lambda value: isinstance(value, str), "a string"),
    "boolean": (lambda value: isinstance(value, bool), "true or false"),
    "number": (_is_number, "a number"),
    "step": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "number or boolean": (lambda value: isinstance(value, bool) or _is_number(value), "a number"),
    "size": (lambda v: _is_number(v) and v >= 0 and v == int(v), "a whole number that is not negative"),
    "type": (lambda value: isinstance(value, str) or _are_names(value), "the name of a type, or a list of them"),
    "names": (_are_names, "a list of names"),
}


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)[:40]


def _kind(value: Any, kind: Any, what: str, at: str) -> None:
    if not isinstance(value, kind):
        hint = "a schema is an object or a boolean" if what == "a schema" else ""
        raise SchemaInvalid(f"{at} is {_shown(value)}, not {what}", hint=hint, pointer=at)


def _check(node: dict[str, Any], name: str, at: str, draft: str) -> None:
    """Raise SchemaInvalid for a value that changed its kind between the drafts, and is of another draft's."""
    value = node[name]
    if KEYWORDS[name].holds == "number or boolean" and isinstance(value, bool) != (draft == "draft-04"):
        what = "a boolean beside the bound" if draft == "draft-04" else "a number"
        raise SchemaInvalid(f"{at}/{name} is {value!r}: in {draft} it is {what}", pointer=f"{at}/{name}")
    if name == "items" and isinstance(value, list) and draft == "2020-12":
        raise SchemaInvalid(f"{at}/items is a list: in {draft} that is prefixItems", pointer=f"{at}/items")
