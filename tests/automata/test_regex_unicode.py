r"""`\w \d \s \p{..}` and `(?i)` against `re` and the Unicode database, code point by code point."""

from __future__ import annotations

import random
import re
import sys
import unicodedata
import warnings
from collections.abc import Sequence
from functools import cache

import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.expression import Ranges
from ctrldiff.errors import RegexUnsupported
from ctrldiff.regex import charset, unicode
from ctrldiff.regex.escapes import Dialect, read_class
from ctrldiff.regex.parse import parse

EVERY = "".join(map(chr, range(sys.maxunicode + 1)))
BMP = EVERY[:0x10000]


def members(ranges: Ranges) -> str:
    return "".join(EVERY[low : high + 1] for low, high in ranges)


def found(pattern: str, among: str, flags: int = 0) -> str:
    return "".join(re.findall(pattern, among, flags))


@cache
def cased() -> str:
    return "".join(c for c in EVERY if c.lower() != c or c.upper() != c or c.casefold() != c)


@pytest.mark.parametrize("letter", list("wdsWDS"))
@pytest.mark.parametrize("ascii_only", [False, True])
def test_classes_are_what_re_matches(letter: str, ascii_only: bool) -> None:
    ours = Dialect("python", ascii_only=ascii_only).perl_class(letter)
    assert members(ours) == found(f"\\{letter}+", EVERY, re.ASCII if ascii_only else 0)


def test_a_folded_class_is_itself() -> None:
    """`re` lowers the character before it asks a class; none of its classes notices."""
    for letter in "wds":
        ranges = unicode.perl_class(letter, "python", False)
        assert all(charset.contains(ranges, ord(c)) == charset.contains(ranges, ord(c.lower()[0])) for c in cased())


def test_ecma_classes() -> None:
    ecma = Dialect("ecma")
    assert members(ecma.perl_class("d")) == "0123456789"
    assert set(members(ecma.perl_class("s"))) == set(
        "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
    )
    under_i = Dialect("ecma", ignore_case=True).perl_class("w")
    assert set(members(under_i)) - set(members(ecma.perl_class("w"))) == set("ſ\u212a")


def test_general_categories_are_those_of_the_database() -> None:
    by_name: dict[str, list[str]] = {}
    for c, name in zip(EVERY, map(unicodedata.category, EVERY)):
        by_name.setdefault(name, []).append(c)
    for group in {name[0] for name in by_name}:
        by_name[group] = sorted(c for name in by_name if name[0] == group and len(name) == 2 for c in by_name[name])
    for name, expected in by_name.items():
        ranges = unicode.category(name)
        assert ranges is not None and members(ranges) == "".join(expected), name
    for long, short in unicode._LONG_NAMES.items():
        assert unicode.category(long) == unicode.category(short) == unicode.category(f"gc={short}") is not None
    assert unicode.category("Latin") is None and unicode.category("Script=Latin") is None


def test_properties_in_patterns() -> None:
    dfa = compile_expression(parse(r"\p{Lu}\P{L}[\p{Nd}_][^\p{Letter}\d]\pS"))
    assert "É1٣-+" in dfa and "É1_-€" in dfa and "é1٣-+" not in dfa and "ÉÉ٣-+" not in dfa
    with pytest.raises(RegexUnsupported, match=r"Unicode property \{Script=Greek\} at character 1"):
        parse(r"a\p{Script=Greek}")


def test_no_letter_beyond_plane_1_has_a_case() -> None:
    assert ord(max(cased())) <= unicode._LAST_CASED


def differ(flags: str, kind: str, chars: Sequence[str], among: str) -> list[str]:
    wrong, known = [], set(among)
    for c in chars:
        ours = set(members(unicode.ignoring_case(((ord(c), ord(c)),), kind)))
        if ours & known != set(re.findall(f"(?{flags}){re.escape(c)}", among)):
            wrong.append(c)
    return wrong


@pytest.mark.slow
def test_letters_equal_the_letters_that_re_takes_for_them() -> None:
    """Cased letters against all cased letters; what has no case equals only itself, in `re` as here."""
    odd = [c for c in cased() if len(members(unicode.ignoring_case(((ord(c), ord(c)),), "python"))) > 2]
    assert {"ſ", "\u212a", "İ", "ı", "ß", "µ", "ς"} & set(odd) == {"ſ", "\u212a", "İ", "ı", "µ", "ς"}
    assert not differ("i", "python", [*odd, *cased()[::20]], cased())
    plain = random.Random(1).sample(sorted(set(BMP) - set(cased())), 20)
    assert not differ("i", "python", plain, BMP)
    assert not differ("ia", "ascii", ["k", "S", "\u212a", "ſ", "é", "@", "["], BMP)


@pytest.mark.slow
def test_all_letters_equal_the_letters_that_re_takes_for_them() -> None:
    assert not differ("i", "python", cased(), cased())
    assert not differ("i", "python", cased()[::20], EVERY[:0x20000])


def test_classes_under_ignore_case_hold_what_re_holds() -> None:
    """Ranges, negation and classes inside brackets, over the basic plane."""
    rng = random.Random(3)
    letters = [c for c in cased() if c < "\U00010000"]
    for _ in range(40):
        inside = ""
        for _ in range(rng.randrange(1, 4)):
            low = rng.choice(letters) if rng.random() < 0.7 else rng.choice(BMP[0x21:0x2000])
            high = chr(min(ord(low) + rng.randrange(80), 0xFFFF))
            inside += rng.choice((re.escape(low), f"{re.escape(low)}-{re.escape(high)}", r"\d", r"\W"))
        source = f"[{rng.choice(('', '^'))}{inside}]"
        for flags in ("i", "ia"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # possible nested set
                expected = found(f"(?{flags}){source}+", BMP)
            ranges, _ = read_class(source, 0, Dialect("python", ignore_case=True, ascii_only=flags == "ia"))
            assert (
                members(charset.complement(charset.union(charset.complement(ranges), [(0x10000, sys.maxunicode)])))
                == expected
            ), (flags, source)


def test_ecma_letters_fold_simply() -> None:
    def folds(c: str) -> set[str]:
        return set(members(unicode.ignoring_case(((ord(c), ord(c)),), "ecma")))

    assert folds("k") == {"k", "K", "\u212a"} and folds("S") == {"s", "S", "ſ"} and folds("ß") == {"ß", "ẞ"}
    assert folds("i") == {"i", "I"} and folds("İ") == {"İ"} and folds("ı") == {"ı"}
    assert folds("σ") == {"σ", "ς", "Σ"} and folds("ᾀ") == {"ᾀ", "ᾈ"} and folds("ŉ") == {"ŉ"}


def test_surrogates_are_never_written() -> None:
    for pattern in (r"\ud800", r"[\ud800-\udfff]", "\ud800", "a\udfff"):
        assert compile_expression(parse(pattern)).is_empty
    assert "a" in compile_expression(parse(r"a|\ud800"))
    assert compile_expression(parse(r"[^\ud800]")) == compile_expression(parse("(?s)."))
    pair = r"\ud83d\ude00"
    assert "😀" in compile_expression(parse(pair, dialect="ecma"))
    assert "😀" in compile_expression(parse(rf"[{pair}-\u{{1F64F}}]", dialect="ecma"))
    assert compile_expression(parse(pair)).is_empty
