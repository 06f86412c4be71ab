"""The one spelling of every JSON value that we write: see `docs/json.md`.

Narrowing to one spelling keeps automata small, and makes equality of values equality of texts.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from ctrldiff.automata.expression import (
    ANY_CHAR,
    Alt,
    Both,
    Chars,
    Concat,
    Expression,
    Literal,
    Minus,
    Repeat,
    chars,
    text,
)

QUOTE = text('"')
SHORT = {0x22: '\\"', 0x5C: "\\\\", 0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r"}
ESCAPED = {code: SHORT.get(code, f"\\u{code:04x}") for code in (*range(0x20), 0x22, 0x5C)}
_PLAIN = ((0x20, 0x21), (0x23, 0x5B), (0x5D, 0xD7FF), (0xE000, 0x10FFFF))


def escaped(expression: Expression) -> Expression:
    """The texts of `expression` as they stand inside a JSON string.

    Each code point has one spelling, and the spellings are a prefix code, so escaping the leaves of an expression
    commutes with intersection and difference.
    """
    done: list[Expression] = []
    todo: list[tuple[Expression, bool]] = [(expression, False)]
    while todo:
        node, ready = todo.pop()
        match node:
            case Literal(data):
                done.append(text("".join(ESCAPED.get(ord(c), c) for c in data.decode("utf-8"))))
            case Chars():
                done.append(_escaped_chars(node))
            case Concat(parts) | Alt(parts) | Both(parts):
                if not ready:
                    todo.append((node, True))
                    todo += [(part, False) for part in reversed(parts)]
                else:
                    taken = tuple(done[len(done) - len(parts) :])
                    del done[len(done) - len(parts) :]
                    done.append(type(node)(taken))
            case Repeat(inner, low, high):
                if not ready:
                    todo += [(node, True), (inner, False)]
                else:
                    done.append(Repeat(done.pop(), low, high))
            case Minus(left, right):
                if not ready:
                    todo += [(node, True), (right, False), (left, False)]
                else:
                    taken_right = done.pop()
                    done.append(Minus(done.pop(), taken_right))
            case _:
                raise TypeError(f"{type(node).__name__} cannot be escaped: its characters are not known")
    return done[0]


def _escaped_chars(node: Chars) -> Expression:
    plain = [(max(low, a), min(high, b)) for low, high in node.ranges for a, b in _PLAIN if max(low, a) <= min(high, b)]
    special = [text(spelling) for code, spelling in ESCAPED.items() if any(a <= code <= b for a, b in node.ranges)]
    return Alt((chars(plain), *special)) if special else Chars(node.ranges)


STRING_CHAR = escaped(ANY_CHAR)


def value_text(value: Any, separators: tuple[str, str] = (",", ":")) -> str:
    """The canonical text of a JSON value: keys in their order, shortest numbers, shortest escapes."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | float | Decimal):
        return number_text(value)
    comma, colon = separators
    if isinstance(value, list):
        return "[" + comma.join(value_text(item, separators) for item in value) + "]"
    if isinstance(value, dict):
        members = (
            json.dumps(key, ensure_ascii=False) + colon + value_text(item, separators) for key, item in value.items()
        )
        return "{" + comma.join(members) + "}"
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def number_text(value: float | int | Decimal) -> str:
    """The shortest decimal without exponent: 1 for 1.0, 0.001 for 1e-3, 0 for -0."""
    digits = format(Decimal(repr(value)) if isinstance(value, float) else Decimal(value), "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits
