"""Integers and decimals between bounds, in canonical spelling, as expressions over digits."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from math import ceil

import numpy as np

from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import EMPTY, NOTHING, Alt, Both, Chars, Concat, Expression, Repeat, maybe, text

DIGIT = Chars(((48, 57),))
NONZERO = Chars(((49, 57),))
WHOLE = Alt((text("0"), Concat((NONZERO, Repeat(DIGIT, 0, None)))))  # canonical, not negative
TAIL = Concat((Repeat(DIGIT, 0, None), NONZERO))  # the digits after a point: no trailing zero
FRACTION = maybe(Concat((text("."), TAIL)))


@dataclass(frozen=True)
class Bound:
    """One end of a range."""

    value: Decimal
    open: bool = False  # True: the end itself is excluded


def digit(low: int, high: int) -> Expression:
    """One digit from low to high; nothing if low > high."""
    return Chars(((48 + low, 48 + high),)) if low <= high else NOTHING


def digits(count: int) -> Expression:
    """Exactly `count` digits."""
    return Repeat(DIGIT, count, count)


# ---- integers


def integers(low: Bound | None, high: Bound | None) -> Expression:
    """The integers in a range, canonical: no leading zero, no "-0"."""
    lo = None if low is None else _first_integer(low)
    hi = None if high is None else -_first_integer(Bound(high.value.copy_negate(), high.open))
    parts: list[Expression] = []
    if lo is None or lo < 0:
        parts.append(
            Concat((text("-"), whole_between(max(1, -hi) if hi is not None else 1, None if lo is None else -lo)))
        )
    if hi is None or hi >= 0:
        parts.append(whole_between(max(0, lo or 0), hi))
    return Alt(tuple(parts))


def _first_integer(low: Bound) -> int:
    least = ceil(low.value)
    return least + 1 if low.open and least == low.value else least


def whole_between(low: int, high: int | None) -> Expression:
    """Whole numbers from low >= 0 to high (None: no end)."""
    if high is not None and high < low:
        return NOTHING
    if low == 0:
        return Alt((text("0"), whole_between(1, high) if high is None or high >= 1 else NOTHING))
    a = str(low)
    if high is None:
        return Alt((_at_least(a), Concat((NONZERO, Repeat(DIGIT, len(a), None)))))
    b = str(high)
    if len(a) == len(b):
        return _same_length(a, b)
    middle = Concat((NONZERO, Repeat(DIGIT, len(a), len(b) - 2))) if len(b) - len(a) >= 2 else NOTHING
    return Alt((_at_least(a), middle, _same_length("1" + "0" * (len(b) - 1), b)))


def _at_least(a: str) -> Expression:
    """Strings of len(a) digits that are >= a."""
    larger = [
        Concat((text(a[:i]), digit(int(a[i]) + 1, 9), digits(len(a) - i - 1))) for i in range(len(a)) if a[i] != "9"
    ]
    return Alt((text(a), *larger))


def _at_most(b: str) -> Expression:
    """Strings of len(b) digits that are <= b."""
    smaller = [
        Concat((text(b[:i]), digit(0, int(b[i]) - 1), digits(len(b) - i - 1))) for i in range(len(b)) if b[i] != "0"
    ]
    return Alt((text(b), *smaller))


def _same_length(a: str, b: str) -> Expression:
    """Strings of len(a) == len(b) digits from a to b."""
    if a > b:
        return NOTHING
    common = next((i for i in range(len(a)) if a[i] != b[i]), len(a))
    if common == len(a):
        return text(a)
    rest = len(a) - common - 1
    x, y = a[common], b[common]
    return Concat(
        (
            text(a[:common]),
            Alt(
                (
                    Concat((text(x), _at_least(a[common + 1 :]) if rest else EMPTY)),
                    Concat((digit(int(x) + 1, int(y) - 1), digits(rest))),
                    Concat((text(y), _at_most(b[common + 1 :]) if rest else EMPTY)),
                )
            ),
        )
    )


# ---- decimals


def decimals(low: Bound | None, high: Bound | None) -> Expression:
    """The decimals in a range, canonical: no exponent, no trailing zero, no "-0"."""
    parts: list[Expression] = []
    if low is None or low.value < 0:
        top = None if low is None else Bound(low.value.copy_negate(), low.open)
        bottom = (
            Bound(high.value.copy_negate(), high.open)
            if high is not None and high.value < 0
            else Bound(Decimal(0), True)
        )
        parts.append(Concat((text("-"), _positive(bottom, top))))
    if high is None or high.value >= 0:
        bottom = low if low is not None and low.value >= 0 else Bound(Decimal(0))
        parts.append(_positive(bottom, high))
    return Alt(tuple(parts))


def _positive(low: Bound, high: Bound | None) -> Expression:
    """Decimals from low >= 0 to high."""
    above = _above(low)
    return above if high is None else Both((above, _below(high)))


def _split(value: Decimal) -> tuple[int, str]:
    whole, _, fraction = format(value, "f").partition(".")
    return int(whole), fraction.rstrip("0")


def _above(low: Bound) -> Expression:
    whole, fraction = _split(low.value)
    parts: list[Expression] = [Concat((whole_between(whole + 1, None), FRACTION))]
    same: list[Expression] = []
    if not fraction:
        same.append(Concat((text("."), TAIL)))
    else:
        same.append(Concat((text("." + fraction), TAIL)))
        same += [
            Concat((text("." + fraction[:i]), digit(int(fraction[i]) + 1, 9), maybe(TAIL)))
            for i in range(len(fraction))
        ]
    if not low.open:
        same.append(text("." + fraction) if fraction else EMPTY)
    return Alt((*parts, Concat((text(str(whole)), Alt(tuple(same))))))


def _below(high: Bound) -> Expression:
    whole, fraction = _split(high.value)
    parts: list[Expression] = [Concat((whole_between(0, whole - 1), FRACTION))] if whole else []
    same: list[Expression] = []
    for i, top in enumerate(fraction):
        head = text("." + fraction[:i])
        same.append(Concat((head, digit(0, int(top) - 1), TAIL)))
        same.append(Concat((head, digit(1, int(top) - 1))))
        if i and fraction[i - 1] != "0":
            same.append(head)
    if fraction or not high.open:
        same.append(EMPTY)
    if fraction and not high.open:
        same.append(text("." + fraction))
    return Alt((*parts, Concat((text(str(whole)), Alt(tuple(same))))))


# ---- steps

MAX_REMAINDERS = 20_000


def multiples(step: int | float) -> Dfa | None:
    """The decimals that are a whole number of steps; None if telling takes too many states.

    With step = a / 10^k, a number of f <= k decimals is one if its digits times 10^(k - f) leave no remainder by a.
    """
    # By digits, not by arithmetic: what Decimal works out is rounded to the digits of its context.
    whole, _, fraction = format(_decimal(step), "f").partition(".")
    fraction = fraction.rstrip("0")
    k = len(fraction)
    a = int(whole + fraction)
    if a * (k + 2) > MAX_REMAINDERS:
        return None
    # State 0: nothing read; 1: a sign; then (decimals so far + 1) * a + remainder, the first row before the point.
    table = np.full((2 + a * (k + 2), 12), -1, np.int32)
    accept = np.zeros(len(table), np.bool_)
    remainder = np.arange(a)
    table[0, 10] = 1
    for digit in range(10):
        table[:2, digit] = 2 + digit % a
        onward = (remainder * 10 + digit) % a
        table[2 : 2 + a, digit] = 2 + onward
        for f in range(k):
            table[2 + a * (f + 1) :, digit][:a] = 2 + a * (f + 2) + onward
    table[2 : 2 + a, 11] = 2 + a + remainder
    for f in range(-1, k + 1):
        accept[2 + a * (f + 1) :][:a] = remainder * pow(10, k - max(f, 0), a) % a == 0
    classes = np.full(256, 12)
    classes[[*range(48, 58), ord("-"), ord(".")]] = range(12)
    table = np.hstack([table, np.full((len(table), 1), -1, np.int32)])
    return Dfa.from_arrays(table, classes, accept)


def number_bounds(schema: dict[str, object]) -> tuple[Bound | None, Bound | None]:
    """The tightest ends that `minimum`, `maximum` and their exclusive forms give."""
    lows = [Bound(_decimal(schema[k]), k != "minimum") for k in ("minimum", "exclusiveMinimum") if k in schema]
    highs = [Bound(_decimal(schema[k]), k != "maximum") for k in ("maximum", "exclusiveMaximum") if k in schema]
    low = max(lows, key=lambda b: (b.value, b.open), default=None)
    high = min(highs, key=lambda b: (b.value, not b.open), default=None)
    return low, high


def _decimal(value: object) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))
