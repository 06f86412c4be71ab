r"""What `\w`, `\d`, `\s`, `\p{..}` and `(?i)` mean, as ranges of code points.

Everything is computed once, when first asked for, from the Unicode database of the running Python: `\w` in dialect
"python" is what `re` itself matches, because `re` is asked.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from itertools import groupby

import numpy as np

from ctrldiff.automata.expression import MAX_CODE_POINT, Ranges
from ctrldiff.regex import charset

ASCII_CLASSES: dict[str, Ranges] = {
    "d": ((0x30, 0x39),),
    "w": ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)),
    "s": ((0x09, 0x0D), (0x20, 0x20)),
}
# ECMA-262 sections 12.2 and 12.3: WhiteSpace and LineTerminator.
ECMA_SPACE: Ranges = charset.union(
    charset.of("\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff"), [(0x2000, 0x200A)]
)
ECMA_NEWLINES: Ranges = charset.of("\n\r\u2028\u2029")

# Unicode's White_Space; and what is Alphabetic beyond letters and marks: letters in circles and squares.
WHITE_SPACE: Ranges = charset.union(
    charset.of(" \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000"), [(0x09, 0x0D), (0x2000, 0x200A)]
)
_ALSO_ALPHABETIC: Ranges = ((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189))
_JOINERS: Ranges = ((0x200C, 0x200D),)

_LONG_NAMES = {
    "Cased_Letter": "LC", "Letter": "L", "Uppercase_Letter": "Lu", "Lowercase_Letter": "Ll",
    "Titlecase_Letter": "Lt", "Modifier_Letter": "Lm", "Other_Letter": "Lo", "Mark": "M",
    "Combining_Mark": "M", "Nonspacing_Mark": "Mn", "Spacing_Mark": "Mc", "Enclosing_Mark": "Me",
    "Number": "N", "Decimal_Number": "Nd", "digit": "Nd", "Letter_Number": "Nl", "Other_Number": "No",
    "Punctuation": "P", "punct": "P", "Connector_Punctuation": "Pc", "Dash_Punctuation": "Pd",
    "Open_Punctuation": "Ps", "Close_Punctuation": "Pe", "Initial_Punctuation": "Pi",
    "Final_Punctuation": "Pf", "Other_Punctuation": "Po", "Symbol": "S", "Math_Symbol": "Sm",
    "Currency_Symbol": "Sc", "Modifier_Symbol": "Sk", "Other_Symbol": "So", "Separator": "Z",
    "Space_Separator": "Zs", "Line_Separator": "Zl", "Paragraph_Separator": "Zp", "Other": "C",
    "Control": "Cc", "cntrl": "Cc", "Format": "Cf", "Surrogate": "Cs", "Private_Use": "Co",
    "Unassigned": "Cn",
}  # fmt: skip


@cache
def perl_class(letter: str, dialect: str, ascii_only: bool) -> Ranges:
    r"""The code points of `\d`, `\w` or `\s` (`letter` is d, w or s)."""
    if dialect == "ecma":
        return ECMA_SPACE if letter == "s" else ASCII_CLASSES[letter]
    if dialect == "rust":
        return _annex_c(letter)
    if ascii_only:
        return ASCII_CLASSES[letter]
    return tuple((found.start(), found.end() - 1) for found in re.finditer(rf"\{letter}+", _every_character()))


def _annex_c(letter: str) -> Ranges:
    """A class as annex C of Unicode's standard on regular expressions (UTS #18) has it."""
    if letter == "s":
        return WHITE_SPACE
    names = ("Nd",) if letter == "d" else ("L", "Nl", "M", "Nd", "Pc")
    found = charset.union(*(category(name) or () for name in names))
    return found if letter == "d" else charset.union(found, _ALSO_ALPHABETIC, _JOINERS)


def _every_character() -> str:
    # 10 ms, where joining chr() takes 160; 4 MB that are not worth keeping.
    return np.arange(MAX_CODE_POINT + 1, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")


@cache
def _categories() -> dict[str, Ranges]:
    sets: dict[str, list[tuple[int, int]]] = {}
    start = 0
    for name, run in groupby(map(unicodedata.category, _every_character())):
        stop = start + sum(1 for _ in run)
        sets.setdefault(name, []).append((start, stop - 1))
        start = stop
    return {name: tuple(ranges) for name, ranges in sets.items()}


@cache
def category(name: str) -> Ranges | None:
    r"""The code points of `\p{name}`: a general category, short or long, or Any, ASCII, Assigned. None: unknown."""
    name = name.removeprefix("General_Category=").removeprefix("gc=")
    name = _LONG_NAMES.get(name, name)
    known = _categories()
    if name in known:
        return known[name]
    if name in {short[0] for short in known}:
        return charset.union(*(ranges for short, ranges in known.items() if short[0] == name))
    if name == "LC":
        return charset.union(known["Lu"], known["Ll"], known["Lt"])
    if name == "Any":
        return charset.ALL
    if name == "ASCII":
        return ((0, 0x7F),)
    if name == "Assigned":
        return charset.complement(known["Cn"])
    return None


def _python_key(char: str) -> str:
    # `re` lowers both sides one character at a time, then also equates lower-case letters of one upper case.
    return char.lower()[0].upper()


def _ascii_key(char: str) -> str:
    return char.lower() if char.isascii() else char


def _ecma_key(char: str) -> str:
    # Simple case folding: where the full folding is longer, the simple one is the lower case, if that is one letter.
    for folded in (char.casefold(), char.lower()):
        if len(folded) == 1:
            return folded
    return char


_KEYS = {"python": _python_key, "ascii": _ascii_key, "ecma": _ecma_key}
_LAST_CASED = 0x1FFFF  # no letter beyond plane 1 has a case (tests/automata/test_regex_unicode.py asks the database)


@cache
def _case_classes(kind: str) -> tuple[tuple[int, ...], ...]:
    key = _KEYS[kind]
    classes: dict[str, set[int]] = {}
    for code in range(_LAST_CASED + 1):
        char = chr(code)
        if char.lower() != char or char.upper() != char or char.casefold() != char:
            classes.setdefault(key(char), set()).add(code)
    return tuple(tuple(sorted(members)) for members in classes.values() if len(members) > 1)


@lru_cache(maxsize=4096)
def ignoring_case(ranges: Ranges, kind: str) -> Ranges:
    """`ranges` and every code point that `kind` ("python", "ascii" or "ecma") takes for one of them under `(?i)`."""
    added = [
        (code, code)
        for members in _case_classes(kind)
        if any(charset.contains(ranges, code) for code in members)
        for code in members
    ]
    return charset.union(ranges, added) if added else ranges
