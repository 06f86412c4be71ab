r"""The dialect of Rust's regex crate, with pydantic, which searches with it, as the referee."""

from typing import Annotated

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

import ctrldiff as cd
from ctrldiff.errors import ConstraintError, RegexUnsupported
from ctrldiff.json_schema import JsonSchema
from ctrldiff.regex import charset, unicode
from ctrldiff.types.structured import output_type


def referee(pattern: str):
    """Whether pydantic takes a text."""
    validate = TypeAdapter(Annotated[str, Field(pattern=pattern)]).validate_python

    def takes(text: str) -> bool:
        try:
            return validate(text) == text
        except ValidationError:
            return False

    return takes


PATTERNS = [
    *(r"^\w+$", r"^\W+$", r"^\d+$", r"^\D$", r"^\s$", r"^\S+$", r"^a\b.$", r"\Ba", r"^\b\w", r"(?i)^yes|no$", r"^a.b$"),
    *(
        r"^[^a-z]$",
        r"^[^\d]+$",
        r"(?i)^k$",
        r"(?i)^[k-s]+$",
        r"a(?i)b|c",
        r"(a(?i)b)c",
        r"^(?i:a)b$",
        r"(?s)^.$",
        r"(?m)^a$",
    ),
    *(
        r"\Aa\z",
        "a$",
        "^$",
        r"\B",
        "",
        r"a**",
        r"a++",
        r"a{2}{3}",
        r"^[]a]$",
        r"^[^]a]$",
        r"\x{41}",
        r"\u{e9}",
        r"\U000000e9",
    ),
    *(
        r"^\p{Lu}$",
        r"^\P{Lu}$",
        r"(?i)^\p{Lu}$",
        r"(?i)^\P{Lu}$",
        r"^\pN$",
        r"(?P<y>\d{4})-(?<m>\d\d)",
        r"(?-i)a",
        r"(?U)a+",
    ),
]
TEXTS = [
    *(
        "",
        "a",
        "b",
        "ab",
        "aB",
        "ac",
        "AC",
        "A",
        "aa",
        "é",
        "É",
        "José",
        "Łódź",
        "aé",
        "a!",
        "!?",
        "1",
        "٣",
        "12",
        "0a",
        "_",
    ),
    *(
        "\n",
        "a\n",
        "\na",
        "a\nb",
        "\r",
        "\u2028",
        "\ufeff",
        "\x85",
        "\x1c",
        " ",
        "\xa0",
        "\u200d",
        "\u0301",
        "e\u0301",
        "Ⓐ",
        "🅰",
    ),
    *(
        "k",
        "K",
        "\u212a",
        "s",
        "ſ",
        "ß",
        "ẞ",
        "no",
        "NO",
        "x yes",
        "YES",
        "Yes it is",
        "]",
        "[",
        "2020-01",
        "a.b",
        "a\u2028b",
    ),
    *("aaaaaa", "aaaaa", "𝒜", "ǅ", "Ⅷ", "½", "中", "x\U0001f600"),
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_means_what_pydantic_means(pattern):
    takes, regex = referee(pattern), cd.Regex(pattern, dialect="rust", search=True)
    wrong = [text for text in TEXTS if (text in regex) != takes(text)]
    assert not wrong


def test_members_are_taken():
    for pattern in PATTERNS:
        takes, dfa = referee(pattern), cd.Regex(pattern, dialect="rust", search=True).dfa()
        rng = np.random.default_rng(5)
        for member in (dfa.sample(rng, 24) for _ in range(60)):
            assert member is None or takes(member.decode()), (pattern, member)


@pytest.mark.parametrize("letter", "dws")
def test_the_classes_are_those_of_every_character_of_the_database(letter):
    """Beyond it another engine may know more; those characters are in no text that depends on it."""
    takes = referee(rf"\A\{letter}*\z"), referee(rf"\A[^\{letter}]*\z")
    known = unicode.category("Assigned")
    for inside, ranges in enumerate((charset.complement(unicode.perl_class(letter, "rust", False)), None)):
        ranges = ranges or unicode.perl_class(letter, "rust", False)
        for low, high in ranges:
            text = "".join(
                chr(c) for c in range(low, high + 1) if charset.contains(known, c) and not 0xD800 <= c < 0xE000
            )
            assert takes[1 - inside](text), (letter, hex(low), hex(high))


@pytest.mark.parametrize(
    "pattern",
    [r"[a&&b]", r"[a--b]", r"[a[b]]", r"[[:alpha:]]", r"\<a", r"\b{start}a", "(?x)a b", "(?R)a$", r"\p{Greek}", "^*a"],
)
def test_what_is_not_read_is_refused(pattern):
    referee(pattern)  # it is a pattern
    with pytest.raises(RegexUnsupported):
        cd.Regex(pattern, dialect="rust").dfa()


def test_types_are_read_in_the_dialect_of_their_engine():
    class Rust(BaseModel):
        """As pydantic reads by itself."""

        name: str = Field(pattern=r"^\w+$")

    class Python(Rust):
        """As it reads when told so."""

        model_config = ConfigDict(regex_engine="python-re")
        name: str = Field(pattern=r"^\w+(?=!)")

    assert '{"name":"José"}' in output_type(Rust).description and '{"name":"é!"}' in output_type(Python).description
    assert '{"name":"José "}' not in output_type(Rust).description
    flagged = output_type(Annotated[str, Field(pattern=__import__("re").compile("^é$", 2))]).description
    assert "É" in flagged and "e" not in flagged
    assert "Łódź" in output_type(Annotated[str, Field(pattern=r"^\w+$")]).description
    assert "José" not in cd.Regex(r"^\w+$", dialect="ecma", search=True), "a schema's own pattern is ECMA's"
    with pytest.raises(ConstraintError, match="x-pattern-rust"):
        JsonSchema(output_type(list[Annotated[str, Field(pattern="[a&&b]")]]).description.schema).dfa()


def test_keys_of_a_dict_have_patterns_too():
    keys = output_type(dict[Annotated[str, Field(pattern=r"^\w+$", min_length=2)], int]).description
    assert '{"Łódź":1}' in keys and '{"a b":1}' not in keys and '{"é":1}' not in keys


def test_a_span_has_its_pattern_in_the_same_dialect():
    wanted = list[Annotated[cd.Span, Field(pattern=r"^\w+$")]]
    spans = output_type(wanted, document="Łódź, Bonn").description
    assert '["Łódź"]' in spans and '["Łódź,"]' not in spans
