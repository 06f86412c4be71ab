"""When a value counts as right. The rules, all of them:

- Strings without outer blanks and outer signs of `.,;:"'`, and with runs of blanks as one. Case counts.
- Numbers by value: 1 is 1.0. True and false are no numbers.
- Dates as their text, which is ISO where the schema has a format. Two times with a zone are the same instant or not.
- null is null alone: not "", not [].
- Lists in order, item by item; objects by their keys, all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ctrldiff.pointer import place_in_list, unescaped

SIGNS = " .,;:\"'"
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d.*(?:[Zz]|[+-]\d\d:?\d\d)")
_MISSING = object()


def same(found: Any, right: Any) -> bool:
    """The two values are equal by the rules of this page."""
    found, right = plain(found), plain(right)
    return type(found) is type(right) and found == right


def plain(value: Any) -> Any:
    """A value as it is compared."""
    if isinstance(value, str):
        text = " ".join(value.split()).strip(SIGNS)
        return _instant(text) if _INSTANT.fullmatch(text) else text
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    # True equals 1 to Python, inside of lists and objects too.
    return ("bool", value) if isinstance(value, bool) else float(value) if isinstance(value, int) else value


def _instant(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:
        return text


def right_at(name: str, found: Any, answers: Sequence[Any]) -> bool | None:
    """Whether a value of an answer is right: by its place ("items/0/price"), in any of several right answers.

    None where no answer says anything of that key; false where it stands in a list behind the last right item, or in
    what should not be an object or a list.
    """
    wanted = [_at(name, answer) for answer in answers]
    if all(one is _MISSING for one in wanted):
        return None
    return any(same(found, one) for one in wanted if one is not _MISSING and one is not _NOWHERE)


_NOWHERE = object()


def _at(name: str, value: Any) -> Any:
    """The value at a place; `_MISSING` for a key that an object lacks, `_NOWHERE` if there is no such place."""
    for part in name.removeprefix("/").split("/") if name else ():  # see `fields.name_of`
        key = unescaped(part)
        if isinstance(value, Mapping):
            if key not in value:
                return _MISSING
            value = value[key]
        elif isinstance(value, list) and (place := place_in_list(key)) is not None and place < len(value):
            value = value[place]
        else:
            return _NOWHERE
    return value


def in_text(value: str, text: str) -> bool:
    """A string stands in the text, but for blanks, outer signs and case."""
    wanted = " ".join(value.split()).strip(SIGNS).casefold()
    return wanted in " ".join(text.split()).casefold()
