r"""Backslashes and brackets: the parts of a pattern that stand for one character, read the way the dialect reads them.

`read_escape` and `read_class` take the pattern and a position and give back what they read and where it ends.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ctrldiff.automata.expression import MAX_CODE_POINT, Ranges
from ctrldiff.errors import RegexSyntaxError, RegexUnsupported
from ctrldiff.regex import charset, unicode

_CONTROLS = {"n": 0x0A, "t": 0x09, "r": 0x0D, "f": 0x0C, "v": 0x0B}
_HEX = {"x": 2, "u": 4, "U": 8}
_DIGITS = re.compile(r"[0-7]{1,3}")
_PROPERTY = re.compile(r"\{(\^?)([\w=&]+)\}|([A-Z])", re.ASCII)
_OF_SETS = ("&&", "--", "~~")  # in Rust's classes
_POSIX = re.compile(r"\[([:.=])[^\]\[]+\1\]")
_LOW_SURROGATE = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})")


@dataclass(frozen=True)
class Dialect:
    """How one part of a pattern is read: the dialect and the flags in force there."""

    name: str  # "python", "ecma" or "rust"
    ignore_case: bool = False
    ascii_only: bool = False
    dot_all: bool = False
    verbose: bool = False
    multiline: bool = False

    @property
    def ecma(self) -> bool:
        return self.name == "ecma"

    @property
    def rust(self) -> bool:
        return self.name == "rust"

    @property
    def newlines(self) -> Ranges:
        """What `.` leaves out and (?m) takes for the end of a line."""
        return unicode.ECMA_NEWLINES if self.ecma else ((0x0A, 0x0A),)

    @property
    def empty_is_inside(self) -> bool:
        r"""Whether `\B` matches in the empty text: as the running `re` has it, or as the others say."""
        return self.name != "python" or re.search(r"\B", "") is not None

    def folded(self, ranges: Ranges) -> Ranges:
        """`ranges`, and under `(?i)` everything that equals one of them."""
        if not self.ignore_case:
            return ranges
        if self.name == "python":
            return unicode.ignoring_case(ranges, "ascii" if self.ascii_only else "python")
        return unicode.ignoring_case(ranges, "ecma")  # Unicode's simple case folding

    def perl_class(self, letter: str) -> Ranges:
        r"""`\d \w \s`, or their complements for a capital letter."""
        ranges = unicode.perl_class(letter.lower(), self.name, self.ascii_only)
        if self.ecma:
            # ECMA-262 WordCharacters: under (?i) in Unicode mode U+017F and U+212A count as letters.
            # Python tests a class on the lower-cased character, which changes none of its own classes.
            ranges = self.folded(ranges)
        return charset.complement(ranges) if letter.isupper() else ranges


def read_escape(pattern: str, at: int, dialect: Dialect, *, in_class: bool = False) -> tuple[int | Ranges, int]:
    r"""What the backslash at `at` stands for: a code point, or the ranges of a class such as `\d`.

    Anchors, boundaries and references are not characters: the parser has taken them before.
    """
    if at + 1 >= len(pattern):
        raise RegexSyntaxError("a lone backslash", pattern, at, hint=r"write \\ for a backslash")
    char = pattern[at + 1]
    if char in "dwsDWS":
        return dialect.perl_class(char), at + 2
    if char in "pP":
        return _read_property(pattern, at, dialect)
    if char in _CONTROLS:
        return _CONTROLS[char], at + 2
    if char == "b" and in_class:
        return 0x08, at + 2
    if char == "x" or char == "u" or (char == "U" and not dialect.ecma):
        return _read_hex(pattern, at, dialect)
    if char.isascii() and char.isdigit():
        return _read_octal(pattern, at, dialect)
    if not dialect.ecma and char == "a":
        return 0x07, at + 2
    if not dialect.ecma and char == "N":
        return _read_name(pattern, at)
    if dialect.ecma and char == "c":
        letter = pattern[at + 2 : at + 3]
        if letter.isascii() and letter.isalpha():
            return ord(letter) % 32, at + 3
        raise RegexSyntaxError(r"\c without a letter", pattern, at, hint=r"\cA to \cZ, or \\c", length=2)
    if char.isascii() and char.isalpha():
        other = "anchors are ^ and $" if char in "AZz" else f"write {char} for the letter itself"
        raise RegexSyntaxError(f"unknown escape \\{char}", pattern, at, hint=other, length=2)
    return ord(char), at + 2


def _read_hex(pattern: str, at: int, dialect: Dialect) -> tuple[int, int]:
    letter, digits = pattern[at + 1], _HEX[pattern[at + 1]]
    if (dialect.rust or (dialect.ecma and letter == "u")) and pattern[at + 2 : at + 3] == "{":
        stop = pattern.find("}", at)
        text, stop = pattern[at + 3 : stop], stop + 1
    else:
        text, stop = pattern[at + 2 : at + 2 + digits], at + 2 + digits
        if len(text) < digits:
            text = ""
    # int() also reads "_", "+" and spaces, so it is not asked whether these are digits.
    if not re.fullmatch("[0-9a-fA-F]+", text) or int(text, 16) > MAX_CODE_POINT:
        hint = rf"\{letter} takes exactly {digits} hexadecimal digits"
        if letter == "u" and dialect.ecma:
            hint += r", or \u{...} up to 10FFFF"
        raise RegexSyntaxError(f"incomplete escape \\{letter}", pattern, at, hint=hint, length=2)
    code = int(text, 16)
    low = _LOW_SURROGATE.match(pattern, stop)
    if dialect.ecma and low and 0xD800 <= code < 0xDC00 and pattern[at + 2] != "{":
        # In Unicode mode a pair of surrogate escapes is one character.
        return 0x10000 + ((code - 0xD800) << 10) + (int(low[1], 16) - 0xDC00), low.end()
    return code, stop


def _read_octal(pattern: str, at: int, dialect: Dialect) -> tuple[int, int]:
    digits = _DIGITS.match(pattern, at + 1)
    if dialect.ecma:
        if pattern[at + 1] == "0" and not pattern[at + 2 : at + 3].isdigit():
            return 0, at + 2
        raise RegexSyntaxError("octal escape", pattern, at, hint=r"ECMA-262 has \0 and \xHH", length=2)
    if digits is None:
        raise RegexSyntaxError(f"unknown escape \\{pattern[at + 1]}", pattern, at, hint=r"use \xHH", length=2)
    text = digits[0]  # outside a class the parser has already taken \\1 to \\99 as references
    if int(text, 8) > 0o377:
        raise RegexSyntaxError("octal escape above 377", pattern, at, hint=r"use \uHHHH", length=1 + len(text))
    return int(text, 8), at + 1 + len(text)


def _read_name(pattern: str, at: int) -> tuple[int, int]:
    stop = pattern.find("}", at)
    if pattern[at + 2 : at + 3] != "{" or stop < 0:
        raise RegexSyntaxError(r"\N without {NAME}", pattern, at, hint=r"for example \N{EM DASH}", length=2)
    try:
        return ord(unicodedata.lookup(pattern[at + 3 : stop])), stop + 1
    except (KeyError, TypeError):  # TypeError: a named sequence of several characters
        name = pattern[at + 3 : stop]
        raise RegexSyntaxError(f"unknown character name {name!r}", pattern, at, length=stop - at) from None


def _read_property(pattern: str, at: int, dialect: Dialect) -> tuple[Ranges, int]:
    found = _PROPERTY.match(pattern, at + 2)
    if found is None:
        hint = r"for example \p{L}, \p{Lu}, \p{Letter}"
        raise RegexSyntaxError(rf"\{pattern[at + 1]} without a category", pattern, at, hint=hint, length=2)
    ranges = None if found[1] else unicode.category(found[2] or found[3])
    if ranges is None:
        raise RegexUnsupported(
            f"Unicode property {found[0]}",
            pattern,
            at,
            hint="general categories are supported, such as {L}, {Lu} or {Letter}; list the ranges otherwise",
            length=found.end() - at,
        )
    if dialect.rust:
        ranges = dialect.folded(ranges)
    if pattern[at + 1] == "P":
        ranges = charset.complement(ranges)
    return (ranges if dialect.rust else dialect.folded(ranges)), found.end()


def read_class(pattern: str, at: int, dialect: Dialect) -> tuple[Ranges, int]:
    """The code points of the bracket expression that opens at `at`, and the position after its `]`."""
    i = at + 1
    negated = pattern[i : i + 1] == "^"
    i += negated
    first = i
    plain: list[tuple[int, int]] = []  # characters and ranges: these are folded under (?i)
    classes: list[Ranges] = []
    while True:
        if i >= len(pattern):
            raise RegexSyntaxError("a class that is never closed", pattern, at, hint=r"add ], or write \[")
        if pattern[i] == "]" and (i > first or dialect.ecma):
            break
        start = i
        low, i = _read_member(pattern, i, dialect)
        if dialect.rust and (pattern[start : start + 2] in _OF_SETS or pattern[i : i + 2] in _OF_SETS):
            raise RegexUnsupported("a difference of classes", pattern, start, hint=r"write \-, \& or \~", length=2)
        if pattern[i : i + 1] != "-" or pattern[i + 1 : i + 2] in ("", "]"):
            _add(low, plain, classes)
            continue
        high, stop = _read_member(pattern, i + 1, dialect)
        if isinstance(low, int) and isinstance(high, int) and low <= high:
            plain.append((low, high))
        elif dialect.ecma and not (isinstance(low, int) and isinstance(high, int)):
            # [\w-.] is no range: every engine that takes it reads \w, "-" and "." (ECMA-262 annex B).
            for member in (low, ord("-"), high):
                _add(member, plain, classes)
        else:
            hint = r"put the smaller character first, or write \- for the hyphen itself"
            shown = pattern[start:stop]
            raise RegexSyntaxError(f"bad range {shown}", pattern, start, hint=hint, length=stop - start)
        i = stop
    ranges = charset.union(dialect.folded(charset.union(plain)), *classes)
    return (charset.complement(ranges) if negated else ranges), i + 1


def _add(member: int | Ranges, plain: list[tuple[int, int]], classes: list[Ranges]) -> None:
    if isinstance(member, int):
        plain.append((member, member))
    else:
        classes.append(member)


def _read_member(pattern: str, i: int, dialect: Dialect) -> tuple[int | Ranges, int]:
    if pattern[i] == "\\":
        return read_escape(pattern, i, dialect, in_class=True)
    if pattern[i] == "[" and dialect.rust:
        raise RegexUnsupported("a class in a class", pattern, i, hint=r"write \[ for the character", length=1)
    if pattern[i] == "[" and (posix := _POSIX.match(pattern, i)):
        hint = r"[[:alpha:]] is \p{L} or a-zA-Z, [[:digit:]] is \d, [[:space:]] is \s"
        raise RegexUnsupported(f"POSIX class {posix[0]}", pattern, i, hint=hint, length=len(posix[0]))
    return ord(pattern[i]), i + 1
