"""Lines that are no documents, of a thousand kinds: a kind is a way to break a line, drawn with a place and a depth."""

from __future__ import annotations

import json
import random

GOOD = {"id": 7, "text": "Invoice of Łukasz Ångström, 12.50 € 😀", "page": 3, "tags": ["a", None, True]}


def _line() -> bytes:
    return json.dumps(GOOD, ensure_ascii=False).encode()


def _cut(draw: random.Random) -> bytes:
    return _line()[: draw.randrange(1, len(_line()) - 1)]


def _half_a_character(draw: random.Random) -> bytes:
    raw = _line()
    places = [n for n, byte in enumerate(raw) if byte >= 0xC0]
    at = draw.choice(places)
    return raw[: at + 1] + raw[at + 2 :]


def _in_text(draw: random.Random, what: bytes) -> bytes:
    raw = _line()
    at = raw.index(b"Invoice") + draw.randrange(8)
    return raw[:at] + what + raw[at:]


def _deep(draw: random.Random) -> bytes:
    depth = draw.choice([5_000, 20_000, 100_000])
    opening, closing = draw.choice([(b"[", b"]"), (b'{"a":', b"}")])
    inner = b"1" if opening != b"[" else b""
    end = closing * depth if draw.random() < 0.7 else b""
    return b'{"text": "x", "y": ' + opening * depth + inner + end + (b"}" if end else b"")


KINDS = {
    "cut": _cut,
    "half a character": _half_a_character,
    "a byte that begins nothing": lambda draw: _in_text(draw, bytes([draw.randrange(0x80, 0xC0)])),
    "a byte that is never used": lambda draw: _in_text(draw, bytes([draw.choice([0xC0, 0xC1, *range(0xF5, 0x100)])])),
    "a surrogate in bytes": lambda draw: _in_text(draw, b"\xed" + bytes([draw.randrange(0xA0, 0xC0)]) + b"\x80"),
    "a longer spelling": lambda draw: _in_text(draw, b"\xe0\x80" + bytes([draw.randrange(0x80, 0xC0)])),
    "half of a pair": lambda draw: _in_text(draw, b"\\u%04x" % draw.randrange(0xD800, 0xE000)),
    "half of a pair in the id": lambda draw: b'{"id": "\\u%04x", "text": "a"}' % draw.randrange(0xD800, 0xE000),
    "a control character": lambda draw: _in_text(draw, bytes([draw.choice([*range(1, 9), *range(11, 13), 14, 31])])),
    "NUL": lambda draw: _in_text(draw, b"\0" * draw.randrange(1, 9)),
    "NULs": lambda draw: b"\0" * draw.randrange(1, 99),
    "a mark inside": lambda draw: b" " * draw.randrange(1, 40) + b"\xef\xbb\xbf" + _line(),
    "two marks": lambda draw: b"\xef\xbb\xbf" * draw.randrange(2, 40) + _line(),
    "no number in the id": lambda draw: b'{"id": %s, "text": "a"}' % draw.choice([b"NaN", b"-Infinity", b"[1e999]"]),
    "another value": lambda draw: draw.choice([b"[%d]", b"%d", b'"%d"', b"[[%d]]", b"%d.5"]) % draw.randrange(999),
    "no text": lambda draw: b'{"body": "%d"}' % draw.randrange(999),
    "another text": lambda draw: b'{"text": %s}' % draw.choice([b"%d", b"[%d]", b'{"a": %d}']) % draw.randrange(999),
    "an empty text": lambda draw: (
        b'{"text": "%s", "n": %d}' % (b" \\t\\n"[: draw.choice([0, 1, 3, 5])], draw.randrange(999))
    ),
    "a wrong escape": lambda draw: _in_text(draw, b"\\" + draw.choice([b"x41", b"a", b"u1", b"'", b"0"])),
    "something behind": lambda draw: _line() + draw.choice([b",", b"}", b"x", b"{}", b" 1"]) * draw.randrange(1, 20),
    "single quotes": lambda draw: _line().replace(b'"', b"'", draw.randrange(1, 12)),
    "a comma too many": lambda draw: _line()[:-1] + b"," * draw.randrange(1, 30) + b"}",
    "a number too long": lambda draw: b'{"text": "a", "n": %s}' % (b"9" * draw.randrange(4301, 6000)),
    "too deep": _deep,
    "a comment": lambda draw: _line() + b" // %d" % draw.randrange(999),
    "Python's": lambda draw: b"{'text': %s, 'n': %d}" % (draw.choice([b"None", b"True", b"'a'"]), draw.randrange(999)),
}


def malformed(draw: random.Random, n: int) -> bytes:
    """A line that is no document; the n-th kind, of which each has its own place, depth and number."""
    kinds = list(KINDS.values())
    line = kinds[n % len(kinds)](draw)
    # What stands in no document: the number makes every line another, and mends none.
    return line if n < len(kinds) else line + b" " * (n // len(kinds))
