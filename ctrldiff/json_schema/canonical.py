"""The one spelling of every JSON value that we write: see `docs/json.md`.

Narrowing to one spelling keeps automata small, and makes equality of values equality of texts.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import EMPTY, Alt, Chars, Concat, Expression, Graph, Ranges, Repeat, text
from ctrldiff.errors import ConstraintTooLarge, InputError
from ctrldiff.json_schema.escapes import code_points, in_escapes
from ctrldiff.limits import DEFAULT, Limits

Whitespace: TypeAlias = str  # "compact", "spaced", "padded", "pretty" or "pretty(N)"
MOST_DIGITS = 4_300  # of an int that Python reads
MOST_ZEROS = 10_000  # that an exponent may stand for
PRETTY = re.compile(r"pretty(?:\(([0-8])\))?")
TABS = Repeat(text("\t"), 0, None)  # no string holds one as it is: what pads is never a part of a value
_AFTER_A_VALUE = re.compile(r'"(?:[^"\\]|\\.)*"|[,\]]|(?<!\{)\}')  # or a string, which is read past

QUOTE = text('"')
SHORT = {0x22: '\\"', 0x5C: "\\\\", 0x08: "\\b", 0x09: "\\t", 0x0A: "\\n", 0x0C: "\\f", 0x0D: "\\r"}
ESCAPED = {code: SHORT.get(code, f"\\u{code:04x}") for code in (*range(0x20), 0x22, 0x5C)}
PLAIN = ((0x20, 0x21), (0x23, 0x5B), (0x5D, 0xD7FF), (0xE000, 0x10FFFF))


def string_text(value: str, ascii: bool = False) -> str:
    """A string as it is written."""
    return json.dumps(value, ensure_ascii=ascii)


def spelled_char(ranges: Ranges, ascii: bool = False) -> Expression:
    """One of these characters, which are written as themselves; with `ascii` those beyond ASCII are escaped."""
    if not ascii:
        return Chars(ranges)
    own = tuple((low, min(high, 0x7E)) for low, high in ranges if low < 0x7F)
    beyond = tuple((max(low, 0x7F), high) for low, high in ranges if high >= 0x7F)  # Python escapes 0x7F, too
    return Alt((Chars(own), in_escapes(beyond))) if beyond else Chars(own)


@lru_cache(maxsize=2)
def string_char(ascii: bool = False) -> Expression:
    """One character inside a string."""
    return Alt((spelled_char(PLAIN, ascii), *(text(spelling) for spelling in ESCAPED.values())))


def escaped(dfa: Dfa, limits: Limits = DEFAULT, ascii: bool = False) -> Dfa:
    """The texts of `dfa` as they stand inside a JSON string; with `ascii`, of nothing but ASCII."""
    return _in_ascii(dfa, limits) if ascii else _escaped(dfa, limits)


def _in_ascii(dfa: Dfa, limits: Limits) -> Dfa:
    """`dfa` read code point by code point, each of them spelled."""
    edges, found, todo = [], {0}, [0]
    for state in todo:
        after: dict[int, list[tuple[int, int]]] = {}
        for low, high, target in code_points(dfa, state):
            after.setdefault(target, []).append((low, high))
        for target, ranges in after.items():
            edges.append((state, target, _any_of(tuple(ranges))))
            if target not in found:
                found.add(target)
                todo.append(target)
    ends = tuple(np.flatnonzero(dfa.accept).tolist())
    return compile_expression(Graph(max(dfa.n_states, 1), tuple(edges), ends), limits)


def _any_of(ranges: Ranges) -> Expression:
    """One character out of these, as it is spelled in ASCII."""
    special = [code for code in ESCAPED if any(low <= code <= high for low, high in ranges)]
    plain = [(max(low, first), min(high, last)) for low, high in ranges for first, last in PLAIN]
    kept = tuple((low, high) for low, high in plain if low <= high)
    return Alt((spelled_char(kept, ascii=True), *(text(ESCAPED[code]) for code in special)))


def _escaped(dfa: Dfa, limits: Limits) -> Dfa:
    """The texts of `dfa` as they stand inside a JSON string, in UTF-8.

    Each code point has one spelling and no spelling begins another, so the result is deterministic as it is built:
    beside each state that an escape leaves stand six more, for what has been read of an escape that leaves it:
    `\\`, `\\u`, `\\u0`, `\\u00`, `\\u000`, `\\u001`.
    """
    n = dfa.n_states
    own = sorted({*ESCAPED, *(ord(c) for spelling in ESCAPED.values() for c in spelling)})
    width = dfa.table.shape[1]  # columns: the classes of `dfa`, then one for each byte that escapes speak of
    place = {byte: width + k for k, byte in enumerate(own)}
    classes = dfa.classes.astype(np.int64)
    classes[own] = [place[byte] for byte in own]
    old = np.concatenate([dfa.table, dfa.table[:, dfa.classes[own]]], axis=1)
    leaves = np.flatnonzero((old[:, [place[code] for code in ESCAPED]] >= 0).any(axis=1))  # the states that need them
    k = len(leaves)
    if n + 6 * k > limits.max_states:
        raise ConstraintTooLarge("states of an escaped pattern", n + 6 * k, limits.max_states)
    table = np.full((n + 6 * k, old.shape[1]), -1, np.int32)
    table[:n] = old
    table[:n, [place[code] for code in ESCAPED]] = -1
    rows = [leaves, *(n + stage * k + np.arange(k) for stage in range(6))]  # of each stage
    for stage, letter, to in ((0, "\\", 1), (1, "u", 2), (2, "0", 3), (3, "0", 4), (4, "0", 5), (4, "1", 6)):
        table[rows[stage], place[ord(letter)]] = rows[to]
    for code, spelling in ESCAPED.items():
        stage = 1 if len(spelling) == 2 else 5 + int(spelling[4])
        table[rows[stage], place[ord(spelling[-1])]] = old[leaves, place[code]]
    accept = np.zeros(n + 6 * k, np.bool_)
    accept[:n] = dfa.accept
    return Dfa.from_arrays(table, classes, accept, limits=limits)


def spaces(whitespace: Whitespace, level: int) -> tuple[str, str, str, str]:
    """What stands after an opening bracket, between members, before the closing bracket, and after a key.

    `level` is how deep the brackets are.
    """
    if whitespace in ("compact", "padded"):  # the language has tabs besides; the text of a value, none
        return "", ",", "", ":"
    if whitespace == "spaced":
        return "", ", ", "", ": "
    indent = " " * indent_of(whitespace)
    inner, outer = "\n" + indent * (level + 1), "\n" + indent * level
    return inner, "," + inner, outer, ": "


def spacing(whitespace: Whitespace, level: int) -> tuple[Expression, Expression, Expression, str]:
    """As `spaces`; and the tabs of "padded"."""
    first, comma, last, colon = spaces(whitespace, level)
    if whitespace == "padded":
        return EMPTY, Concat((TABS, text(comma))), TABS, colon
    return text(first) if first else EMPTY, text(comma), text(last) if last else EMPTY, colon


def spelled_out(written: str, whitespace: Whitespace) -> Expression:
    """A value's canonical text; of "padded" with the tabs that may stand in it."""
    if whitespace != "padded":
        return text(written)
    places = [found.start() for found in _AFTER_A_VALUE.finditer(written) if not found[0].startswith('"')]
    pieces = [text(written[start:end]) for start, end in pairwise([0, *places, len(written)])]
    return Concat(tuple(part for piece in pieces for part in (TABS, piece))[1:])


def indent_of(whitespace: Whitespace) -> int:
    """How many blanks a level is indented by."""
    found = PRETTY.fullmatch(whitespace)
    assert found is not None
    return int(found[1] or 2)


def value_text(
    value: Any, *, whitespace: Whitespace = "compact", level: int = 0, sort: bool = False, ascii: bool = False
) -> str:
    """The canonical text of a JSON value: shortest numbers, shortest escapes, keys in their order (or sorted).

    Equal values have equal texts when keys are sorted. `level` is the nesting depth that "pretty" indents from.
    Raises: InputError for what is no JSON value.
    """
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=ascii)
    if isinstance(value, int | float | Decimal):
        return number_text(value)
    if not isinstance(value, list | dict):
        hint = "dict, list, str, int, float, Decimal, bool or None"
        raise InputError(f"a {type(value).__name__} is no JSON value", hint=hint)

    def inner(part: Any) -> str:
        return value_text(part, whitespace=whitespace, level=level + 1, sort=sort, ascii=ascii)

    first, comma, last, colon = spaces(whitespace, level)
    opening, closing = "[]" if isinstance(value, list) else "{}"
    if isinstance(value, list):
        members = [inner(item) for item in value]
    else:
        members = [string_text(key, ascii) + colon + inner(value[key]) for key in (sorted(value) if sort else value)]
    return opening + (first + comma.join(members) + last if members else "") + closing


def exact_value(text: str | bytes) -> Any:
    """The value of a JSON text, its numbers as they are spelled, whatever their length.

    Raises: ValueError for what is no JSON, NaN and infinities among it, and a number that no text could write out.
    """
    return json.loads(text, parse_float=_exactly, parse_int=_whole, parse_constant=_no_number)


def _exactly(spelled: str) -> Decimal:
    try:
        value = Decimal(spelled)
        exponent = value.as_tuple().exponent
    except InvalidOperation:  # an exponent of twenty digits
        exponent = "n"
    if isinstance(exponent, str) or abs(exponent) > len(spelled) + MOST_ZEROS:
        raise ValueError(f"the number {spelled[:40]} has more than {MOST_ZEROS:,} zeros")
    return value


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= MOST_DIGITS else Decimal(digits)


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number in JSON")


def number_text(value: float | int | Decimal) -> str:
    """The shortest decimal without exponent: 1 for 1.0, 0.001 for 1e-3, 0 for -0."""
    # by float's own `repr`: of a class made of it, NumPy's say, it may be no number
    digits = format(Decimal(float.__repr__(value)) if isinstance(value, float) else Decimal(value), "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits == "-0" else digits
