"""Texts that can be written: half of a surrogate pair is a str to Python, and no text to anybody else."""

from __future__ import annotations

from typing import Any

from ctrldiff.errors import ConstraintError, CtrldiffError, InputError

WHY = "half of a surrogate pair: it cannot be written in UTF-8"
HINT = 'mend where it came from, or text.encode("utf-8", "replace").decode("utf-8")'


def check_text(text: object, what: str, *, error: type[CtrldiffError] = InputError, **facts: Any) -> str:
    """The text, if it is one. Raises: `error`, by default InputError, that says where its first fault is."""
    if not isinstance(text, str):
        raise error(f"{what} is a {type(text).__name__}, not a str", **facts)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as fault:
        at = fault.start
        raise error(f"{what}, character {at}: {text[at]!r}", why=WHY, hint=HINT, position=at, **facts) from fault
    return text


def check_description(text: object, what: str, **facts: Any) -> str:
    """The same of a constraint's own text. Raises: ConstraintError."""
    return check_text(text, what, error=ConstraintError, **facts)
