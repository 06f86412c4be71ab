"""JSON pointers (RFC 6901): their tokens, and the names of fields that are made of them."""

from __future__ import annotations


def escaped(name: str) -> str:
    """A key as a token of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


def unescaped(token: str) -> str:
    """The key that a token of a JSON pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


def place_in_list(token: str) -> int | None:
    """The place in a list that a token of a JSON pointer names; None for one that can only be a key."""
    return int(token) if token.isascii() and token.isdigit() and len(token) < 19 else None


def name_of(pointer: str) -> str:
    """A JSON pointer as the name of a field: without its first stroke, but where the first key is empty, which would be
    named as the whole is."""
    return pointer if pointer == "/" or pointer.startswith("//") else pointer[1:]


def pointer_of(name: str) -> str:
    """The JSON pointer of a field of this name."""
    return name if name.startswith("/") or not name else f"/{name}"
