"""A line into a document, a document into its text and its id; and back into a line of the output or of failures."""

from __future__ import annotations

import json
from typing import Any

from ctrldiff.arguments import is_conversation
from ctrldiff.errors import InputError
from ctrldiff.extract.streams import LONGEST_LINE, Line

SHOWN = 100_000  # characters of a failed document that are told of it


def parse(line: Line, where: str) -> dict[str, Any]:
    """The object on a line. Raises InputError."""
    if line.size > LONGEST_LINE:
        raise InputError(
            f"{where}: {line.size:,} bytes, and {LONGEST_LINE:,} at most are read",
            hint="one document a line; split this one",
            line=line.number,
        )
    try:
        document = json.loads(line.raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{where}, byte {error.start}: not UTF-8", line=line.number) from error
    except ValueError as error:
        at = getattr(error, "pos", 0)
        raise InputError(
            f"{where}, character {at}: not JSON ({error})", hint="mend the line", line=line.number
        ) from error
    except RecursionError as error:
        raise InputError(f"{where}: nested too deep to be read", line=line.number) from error
    if not isinstance(document, dict):
        raise InputError(
            f"{where}: a JSON {_KINDS[type(document)]}, not an object", hint='{"text": "..."}', line=line.number
        )
    return document


_KINDS = {list: "array", str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}


def text_of(document: dict[str, Any], where: str, number: int, field: str) -> Any:
    """The text under `field` ("a.b" is b in a), or the conversation. Raises InputError for none, for an empty one, and
    for half of a surrogate pair in it."""
    found: Any = document
    for name in [field] if field in document else field.split("."):
        found = found.get(name, _NONE) if isinstance(found, dict) else _NONE
    if found is _NONE:
        raise InputError(
            f'{where}: no text under "{field}"',
            why=f"it has: {', '.join(document) or 'nothing'}"[:200],
            hint="--field NAME",
            line=number,
        )
    return check_text(found, where, number, field)


_NONE = object()


def check_text(text: Any, where: str, number: int, field: str) -> Any:
    """The text, if a model can be asked about it. Raises InputError."""
    if is_conversation(text):
        return text
    if not isinstance(text, str):
        kind = _KINDS.get(type(text), "object")
        raise InputError(f'{where}: what is under "{field}" is a JSON {kind}, not a text', line=number)
    if not text.strip():
        raise InputError(f'{where}: the text under "{field}" is empty', line=number)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f'{where}: the text under "{field}" has half of a surrogate pair at character {error.start}',
            why=f"\\u{ord(text[error.start]):04x} alone is no character, and cannot be written in UTF-8",
            hint="mend the line: a cut emoji, most likely",
            line=number,
        ) from error
    return text


def check_id(document: dict[str, Any], where: str, number: int) -> None:
    """Raise InputError if the document's id cannot be written again as JSON in UTF-8."""
    if "id" not in document:
        return
    try:
        json_line({"id": document["id"]})
    except UnicodeEncodeError as error:
        why = f"half of a surrogate pair, {_ascii(error.object[error.start])}, is no character"
    except ValueError as error:
        why = "NaN and the infinities are not JSON, and numbers beyond 1.8e308 are read as one"
        why = why if type(error) is ValueError else str(error)
    except RecursionError:
        why = "it is nested too deep"
    else:
        return
    raise InputError(f'{where}: the "id" cannot be written again as JSON', why=why, line=number)


def failure(number: int, shown: str, document: dict[str, Any], error: Exception) -> tuple[str, dict[str, Any]]:
    """The code and the record of what a document was refused for. Number 0: it stands in no file."""
    code, told = getattr(error, "code", "EXCEPTION"), str(error)
    if not hasattr(error, "code"):
        told = f"{type(error).__name__}: {error}"
    elif hasattr(error, "row"):
        # The decoder counts the texts it was given; a reader counts lines.
        told = told.replace(f"text {error.row}", f"line {number}" if number else "the text", 1)
    record: dict[str, Any] = {"line": number}
    if "id" in document:
        try:
            json_line({"id": document["id"]})
            record["id"] = document["id"]
        except (ValueError, RecursionError):
            pass  # an id that cannot be written stands in the input as it was
    record |= {"code": code, "error": _ascii(told), "input": _ascii(shown[:SHOWN])}
    if len(shown) > SHOWN:
        record["cut"] = True
    return code, record


def json_line(record: dict[str, Any]) -> bytes:
    """One line of strict JSON in UTF-8. Raises ValueError (NaN, infinity, half of a surrogate pair), RecursionError."""
    return json.dumps(record, ensure_ascii=False, allow_nan=False, default=_plain).encode("utf-8") + b"\n"


def _plain(value: Any) -> Any:
    """A value of any type that pydantic writes as JSON: models, dates, decimals, sets. Raises ValueError for others."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value)


def _ascii(text: str) -> str:
    """A text with half surrogate pairs spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
