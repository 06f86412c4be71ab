"""The dialects: what is read, what it means, what is refused and where the caret stands."""

from __future__ import annotations

import random
import re
import warnings

import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import Literal, Repeat
from ctrldiff.errors import ConstraintTooLarge, RegexSyntaxError, RegexUnsupported
from ctrldiff.limits import Limits
from ctrldiff.regex.parse import parse
from tests.automata.patterns import texts
from tests.oracles_automata import accepts

TEXTS = [*texts("ab", 5), *texts("a\n", 4), *texts("a1 ", 3), "foo", "xfoo", "foo bar", "a,b", ",a,", "é", "_"]


def ecma(pattern: str, search: bool = True) -> Dfa:
    return compile_expression(parse(pattern, dialect="ecma", search=search))


def same_as_re(pattern: str, tried: list[str]) -> list[tuple[str, bool, bool]]:
    """(text, search?, our answer) wherever `re` answers otherwise."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compiled = re.compile(pattern)
    wrong = []
    for search, match in ((False, compiled.fullmatch), (True, compiled.search)):
        dfa = compile_expression(parse(pattern, search=search))
        wrong += [(t, search, t in dfa) for t in tried if (t in dfa) != (match(t) is not None)]
    return wrong


ASSERTIONS = r"""
^a|b$  (^|b)a(b|$)  a^b  a$b  a$  ^$  $^  a$\n  $\n  \Aa\Z  (^a)*b  (a$|b)*  (?:^)*a  ^*?
(?m)^a$  (?m)$\n^a  (?m:^)a$  \ba  a\b  \bfoo\b  a\B  \B  \b  \Ba\B  (\b|b)a  (?a)\b1  (?s:.)$  x|^|y$
(?=a)b*  a(?=b)  (?<=a)b  (?<!a)b  a(?<=a)b  (?=a)[ab]+  (?!)  (?=)  (?<=)  (?<!)  (?=a)*b  (?!a)(?!b).
^(?!.*bb)[ab]+$  ^(?=.*a)(?=.*b).{3,}$  ^(?!(a|b)$).*  (?!aa)\w+  a(?!b|$)  (?<=a)(?=b)  (?=b)(?<=a)
((?!ba).)*  ^((?!ba).)*$  (a|b(?=a))*  (a(?!bb)|b(?<!bb))*\Z  a(?=b)b(?<=ab)a  (?=(?!ab).b)a  (?=a*\Z)\w(?<!b)
(?!a\b)\w+  (?=\ba)a  (?!\ba).  (?!^a)a  (?=a|^b)  (?<!\ba)b  (?<=a$)  (?<=^a)b  (?<=\Ba)b  (?=a$)  (?!a$)  (?!$)
(^|,)a(,|$)  (?:^|,)\w(?=,|$)  (?<!^)a  (?<=a)$  (?<=(?=a)a)b  (?=(?<!a)b)  (?:(?=ab)a|(?!ab)b)+
""".split()


@pytest.mark.parametrize("pattern", [p for p in ASSERTIONS if p != "^*?"])
def test_assertions_mean_what_re_means(pattern: str) -> None:
    assert not same_as_re(pattern, TEXTS)


def test_plain_patterns_mean_what_the_definition_says() -> None:
    """Against the oracle of the algebra, for what stays pure algebra."""
    for pattern in ("a(b|)*?", "(ab|a){2,3}b?", "^(?!.*bb)[ab]+$", "(?=.b)[ab]*(?<=a)", "(?i)A[^b]", "(?<!a)b|a$"):
        for search in (False, True):
            expression = parse(pattern, search=search)
            dfa = compile_expression(expression)
            assert [t for t in texts("ab", 4) if accepts(expression, t.encode()) != (t in dfa)] == []


PIECES = (
    r"a b a b ( ) (?: (?= (?! (?<= (?<! (?i) (?i: (?-i: (?x: (?s) (?P<n> (?P=n) (?#c (?> (?(1) [ [^ ] [] - \ \d \w \1 "
    r"\0 \12 \101 \b \B \A \Z \x61 \u0061 \n \- \q ^ $ | * + ? { } {1} {,2} {1,} {2,1} {,} {} . # , 1 [: (?m) (?x) "
    r"\N{DIGIT|ONE} (? ? : é && -- (?au) (?L) (?s-i:"
).split()


@pytest.mark.slow
def test_what_re_accepts_or_refuses_is_accepted_or_refused() -> None:
    """Random syntax, most of it broken: the same patterns are patterns, and those mean the same."""
    rng = random.Random(5)
    tried = [*texts("ab1", 2), "\n", "a\n", "-", "é", "(", "[", "]", "{", "A", "aA", " ", "#", "\b", "{1}", "&", "^"]
    pieces = [piece.replace("|", " ") if "N{" in piece else piece for piece in [*PIECES, " ", "\n"]]
    accepted = 0
    for _ in range(3000):
        pattern = "".join(rng.choice(pieces) for _ in range(rng.randrange(1, 8)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                re.compile(pattern)
            valid = True
        except (re.error, OverflowError):
            valid = False
        try:
            parse(pattern)
        except RegexUnsupported:
            continue  # a reference, an atomic group, a possessive repeat; or broken beyond where we stopped
        except RegexSyntaxError as error:
            assert not valid, (pattern, error)
            continue
        assert valid, pattern
        accepted += 1
        if accepted % 4 == 0:
            assert not same_as_re(pattern, tried), pattern
    assert accepted > 500


REFUSED = [
    (r"(a|b)\1", RegexUnsupported, "backreference", 5),
    (r"(?P<n>a)(?P=n)", RegexUnsupported, "backreference", 8),
    (r"a*+b", RegexUnsupported, "possessive repeat", 1),
    (r"a{2}+", RegexUnsupported, "possessive repeat", 1),
    (r"x(?>a|b)", RegexUnsupported, "atomic group", 1),
    (r"(a)?(?(1)b|c)", RegexUnsupported, "conditional group", 4),
    (r"[[:alpha:]_]", RegexUnsupported, "POSIX class [:alpha:]", 1),
    (r"\p{Greek}", RegexUnsupported, "Unicode property {Greek}", 0),
    (r"a(?=b*(?<=ab))", RegexUnsupported, r"a lookbehind (or ^, \b) that may look past the lookahead around it", 1),
    (r"(?<=a+)b", RegexSyntaxError, "a lookbehind whose width varies", 0),
    (r"a{3,2}", RegexSyntaxError, "a repeat from 3 to 2", 1),
    (r"ab)", RegexSyntaxError, "a ) that closes nothing", 2),
    (r"a(b(c)", RegexSyntaxError, "a group that is never closed", 1),
    (r"a|*", RegexSyntaxError, "nothing to repeat", 2),
    (r"a**", RegexSyntaxError, "a repeat of a repeat", 2),
    (r"x[ab", RegexSyntaxError, "a class that is never closed", 1),
    (r"[z-a]", RegexSyntaxError, "bad range z-a", 1),
    (r"a(?i)b", RegexSyntaxError, "flags that are not at the start", 1),
    (r"\q", RegexSyntaxError, r"unknown escape \q", 0),
    (r"\x4", RegexSyntaxError, r"incomplete escape \x", 0),
    ("a\\", RegexSyntaxError, "a lone backslash", 1),
]


@pytest.mark.parametrize("pattern, kind, problem, position", REFUSED, ids=[row[0] for row in REFUSED])
def test_refusals_name_the_problem_and_the_place(
    pattern: str, kind: type[RegexSyntaxError], problem: str, position: int
) -> None:
    with pytest.raises(kind) as caught:
        parse(pattern)
    error = caught.value
    assert (error.facts["problem"], error.facts["position"]) == (problem, position)
    shown, caret = error.why.splitlines()
    assert shown == pattern and caret.index("^") == position


def test_more_assertions_than_marks_are_refused() -> None:
    looks = "|".join(f"(?={letter})." for letter in "abcdefghijklmn")
    with pytest.raises(RegexUnsupported, match="more than 13 assertions"):
        parse(f"(?:{looks})+")
    assert "abc" in compile_expression(parse(f"(?:{looks})", search=True))


def test_repeats_stay_folded() -> None:
    assert parse("a{2,1000000000}?") == Repeat(Literal(b"a"), 2, 1_000_000_000)
    assert parse("(?:a{1}){,3}") == Repeat(Literal(b"a"), 0, 3)
    with pytest.raises(ConstraintTooLarge):
        compile_expression(parse("(a{1000}){1000000}"))


@pytest.mark.slow
def test_nesting_and_length_cost_no_stack() -> None:
    assert parse("(" * 5000 + "a" + ")" * 5000) == Literal(b"a")
    assert parse("ab" * 100_000) == Literal(b"ab" * 100_000)
    deep = compile_expression(parse("(?:a" * 3000 + "$" + ")?" * 3000))
    assert deep.n_states == 3001 and "a" * 2999 in deep and "a" * 3001 not in deep
    for part in ("(?:a|b)?", "[a-c]", "(?i:é)", "(?#c)a|", "(" * 3):
        many = part * (200_000 // len(part))
        try:
            parse(many)
        except RegexSyntaxError:
            assert part == "((("
    with pytest.raises(ConstraintTooLarge, match="characters of the pattern"):
        parse("a" * 11, limits=Limits(max_pattern=10))


def test_extensions_of_the_python_dialect() -> None:
    assert parse(r"a\z") == parse(r"a\Z") and parse("(?<name>a)") == parse("(?P<name>a)")
    assert parse(r"\pL") == parse(r"\p{L}")
    with pytest.raises(RegexSyntaxError, match="a second group named n"):
        parse("(?<n>a)(?P<n>b)")


def test_ascii_is_the_ascii_flag() -> None:
    assert "٣" in compile_expression(parse(r"\d")) and "٣" not in compile_expression(parse(r"\d", ascii=True))
    assert "\u212a" in compile_expression(parse("(?i)k"))
    assert "\u212a" not in compile_expression(parse("(?i)k", ascii=True))


ECMA = [
    (r"^\d+$", ["1"], ["٣", "1\n", ""]),
    (r"a.b", ["a b"], ["a\nb", "a\rb", "a\u2028b"]),
    (r"\s", ["\ufeff", "\u00a0"], ["\u200b", "\x1c"]),
    (r"^[^]$", ["\n", "😀"], ["", "ab"]),
    (r"a|[]", ["a"], ["b"]),
    (r"^\cJ\/\-\_\$\u{1F600}\0$", ["\n/-_$😀\0"], ["x"]),
    (r"^[\w-.]+$", ["a-.", "_"], ["é", " "]),
    (r"^{a}}]$", ["{a}}]"], ["a"]),
    (r"^(?<n>a)(?i:b)$", ["ab", "aB"], ["Ab"]),
    (r"(?<=^|,)a", ["a", "b,a"], ["ba"]),
    (r"(?<=a+)b$", ["aab"], ["b"]),
    (r"^\p{Lu}\P{Lu}$", ["Aa", "É1"], ["AA"]),
    (r"\bfoo\b", ["foo", "a foo b", "éfoo"], ["xfoo", "foo1"]),
    (r"^\B$", [""], ["a"]),
    (r"^((?!mode).)*$", ["", "moder"[1:], "mod e"], ["mode", "xmodex", "a\nb"]),
    (r"^(?!.*://)(?=.{1,5}$)[a-z./:]+$", ["ab", "a:/b"], ["a://b", "abcdef", ""]),
    (r"^@([\da-z](?:(?!.*--)[\da-z-]*[\da-z])?)/x$", ["@a/x", "@a-b/x"], ["@a--b/x", "@a-/x"]),
    (r"((?:[^/]*/)*)(?=\.(yaml|yml))", ["a/.yaml", ".yml"], ["a/yaml"]),
    (r"", ["", "x"], []),
]


@pytest.mark.parametrize("pattern, inside, outside", ECMA, ids=[row[0] for row in ECMA])
def test_ecma_patterns_search_as_json_schema_says(pattern: str, inside: list[str], outside: list[str]) -> None:
    dfa = ecma(pattern)
    assert [t for t in inside if t not in dfa] == [] and [t for t in outside if t in dfa] == []


@pytest.mark.parametrize(
    "pattern", [r"\A a", r"a\Z", r"\a", r"a{,3}", r"(?i)a", r"\012", r"\c1", r"\u{110000}", "(?x:a)"]
)
def test_what_ecma_would_read_otherwise_is_refused(pattern: str) -> None:
    with pytest.raises(RegexSyntaxError):
        parse(pattern, dialect="ecma")


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(ValueError, match="python"):
        parse("a", dialect="perl")  # type: ignore[arg-type]
