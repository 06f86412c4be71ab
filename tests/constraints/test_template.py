"""Templates: which texts they hold, and how a text is read back, against the definition spelled out."""

import random
import re
from datetime import date
from itertools import product
from typing import Annotated, Literal

import pytest
from pydantic import Field

import ctrldiff as cd
from ctrldiff.errors import ConstraintError, OutputInvalid
from ctrldiff.types.structured import output_type
from tests.conftest import few

TEXT = "Invoice INV-20931 from Northwind Traders to Maria Jensen, EUR 308.80 due on 2 April 2026."


def readings(parts, data):
    """Every way to cut `data` into the parts (literal text or compiled pattern), as lists of lengths."""
    if not parts:
        return [] if data else [[]]
    first, rest = parts[0], parts[1:]
    fits = (lambda t: t == first) if isinstance(first, str) else (lambda t: first.fullmatch(t) is not None)
    return [
        [length, *more]
        for length in range(len(data) + 1)
        if fits(data[:length])
        for more in readings(rest, data[length:])
    ]


PATTERNS = ["a*", "b?", "ab|a|b", "(ab)*", "a|bb", "[ab]+", "b*a?", "é|aé?", "[^b]{1,2}"]


def drawn_template(seed):
    """A template of three patterns between pinned texts, and its parts as the oracle reads them."""
    rng = random.Random(seed)
    pinned = [rng.choice(["", "", "", "", "a", "b"]) for _ in range(4)]
    chosen = [rng.choice(PATTERNS) for _ in range(3)]
    pattern = pinned[0] + "".join(f"{{{name}}}{literal}" for name, literal in zip("xyz", pinned[1:], strict=True))
    template = cd.Template(pattern, **{name: cd.Regex(p) for name, p in zip("xyz", chosen, strict=True)})
    return template, [
        pinned[0],
        *(part for p, t in zip(chosen, pinned[1:], strict=True) for part in (re.compile(p), t)),
    ]


def test_membership_and_reading_are_what_the_definition_says():
    met = several = 0
    for template, parts in map(drawn_template, range(40)):
        for text in ("".join(letters) for length in range(6) for letters in product("abé", repeat=length)):
            ways = readings(parts, text)
            assert (text in template) == bool(ways)
            if not ways:
                with pytest.raises(OutputInvalid):
                    template.holes_of(text)
                continue
            met, several = met + 1, several + (len(ways) > 1)
            cut = min(ways)  # the first part as short as can be, then the second, ...
            starts = [sum(cut[:n]) for n in range(len(cut))]
            expected = {name: text[starts[n] : starts[n] + cut[n]] for name, n in zip("xyz", (1, 3, 5), strict=True)}
            assert template.holes_of(text) == expected
    assert met > 500 and several > 100, (met, several)


def test_reading_back_does_not_blow_up():
    template = cd.Template("{a}{b}{c}{d}.", **{name: cd.Regex("a*") for name in "abcd"})
    assert template.holes_of("a" * 1500 + ".") == {"a": "", "b": "", "c": "", "d": "a" * 1500}
    with pytest.raises(OutputInvalid, match="no text of the template"):
        template.holes_of("a" * 200)
    many = cd.Template("".join(f"{{h{n}}}" for n in range(2000)), **{f"h{n}": cd.Regex("a?") for n in range(2000)})
    assert sum(map(len, many.holes_of("a" * 5).values())) == 5


def test_braces_are_doubled_and_a_template_may_have_no_holes():
    template = cd.Template("{{{n}}}", n=cd.Regex("[0-9]+"))
    assert "{12}" in template and "12" not in template and template.holes_of("{12}") == {"n": "12"}
    assert list(cd.Template("a}}").dfa().members()) == [b"a}"]
    assert cd.Template("").holes_of("") == {}


@pytest.mark.parametrize(
    ("pattern", "holes", "message"),
    [
        ("{a} {b}", {"a": int}, "'b' has no type"),
        ("{a}", {"a": int, "b": int}, "no hole 'b'"),
        ("{a}{a}", {"a": int}, "'a' stands more than once"),
        ("{a:int}", {"a": int}, "{a:int} is no hole"),
        ("{a!r}", {"a": int}, "{a!r} is no hole"),
        ("{}", {}, "{} is no hole"),
        ("{a.b}", {"a": int}, "{a.b} is no hole"),
        ("{a", {"a": int}, "braces do not match"),
        ("a}", {}, "braces do not match"),
    ],
)
def test_what_is_no_template_is_refused_by_name(pattern, holes, message):
    with pytest.raises(ConstraintError, match=re.escape(message)):
        cd.Template(pattern, **holes)


def test_holes_that_cannot_be_typed_are_refused_by_name():
    with pytest.raises(ConstraintError, match="'a' is a type"):
        cd.Template("{a}", a=int).dfa()
    with pytest.raises(ConstraintError, match="hole 'a'"):
        output_type(cd.Template("{a}", a=object()))


def test_types_are_read_and_come_back():
    template = cd.Template(
        "{who} owes {sum} ({currency}) by {due}; {items}, {point}",
        who=str,
        sum=int,
        currency=Literal["EUR", "USD"],
        due=date,
        items=list[int],
        point={"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
    )
    wanted = output_type(template)
    assert wanted.ask == "{who,sum:int,currency:EUR|USD,due:date,items:[int],point:{x:int}}"
    text = 'Ana owes owes 12 (EUR) by 2026-04-02; [1,2], {"x":3}'
    assert text in wanted.description
    assert wanted.read(text) == {
        "who": "Ana owes",
        "sum": 12,
        "currency": "EUR",
        "due": date(2026, 4, 2),
        "items": [1, 2],
        "point": {"x": 3},
    }
    assert text.replace("EUR", "eur") not in wanted.description


def test_a_hole_may_say_how_long_it_is():
    wanted = output_type(cd.Template("Dear {name}, hello", name=Annotated[str, Field(max_length=3)]))
    assert "Dear Ann, hello" in wanted.description and "Dear Anna, hello" not in wanted.description
    assert wanted.read("Dear Ann, hello") == {"name": "Ann"}


def test_a_template_is_a_constraint_like_any_other():
    template = cd.Template("{a}-{b}", a=cd.Regex("[0-9]+"), b=cd.Choice(["x", "y"]))
    assert template == cd.Template("{a}-{b}", b=cd.Choice(["x", "y"]), a=cd.Regex("[0-9]+"))
    assert hash(template) == hash(cd.Template("{a}-{b}", a=cd.Regex("[0-9]+"), b=cd.Choice(["x", "y"])))
    assert sorted((template & cd.Regex("[12]-.")).dfa().members()) == [b"1-x", b"1-y", b"2-x", b"2-y"]
    nested = cd.Template("<{inner}>", inner=template)
    assert nested.holes_of("<7-y>") == {"inner": "7-y"}
    assert output_type(nested).read("<7-y>") == {"inner": {"a": "7", "b": "y"}}


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


@pytest.mark.parametrize("how", few([{}, {"temperature": 1.0, "seed": 3}, {"steps": 1}, {"steps": 4}], 2))
def test_every_hole_is_filled_in_one_canvas(model, how):
    template = cd.Template(
        "Dear {customer}, you owe {currency} {total}, due on {due_date}.",
        customer=cd.Regex("[A-Z][a-z]+( [A-Z][a-z]+)?", ascii=True),
        currency=Literal["EUR", "USD"],
        total=float,
        due_date=cd.Regex("20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"),
    )
    result = model(TEXT, template, **how)
    output = result.output
    assert [type(value) for value in output.values()] == [str, str, float, str]
    assert result.raw.startswith(f"Dear {output['customer']}, you owe {output['currency']} ")
    assert result.raw.endswith(f", due on {output['due_date']}.")
    assert result.usage.forwards == 1 or how.get("steps") != 1


def test_a_hole_holds_its_texts_to_what_its_constraint_does():
    numbers = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
    keys = {"type": "object", "additionalProperties": {"type": "integer"}}
    letter = cd.Template("{all}: {each}", all=cd.JsonSchema(keys), each=cd.JsonSchema(numbers))
    assert '{"a":1,"b":1}: [1,2]' in letter
    assert '{"a":1,"a":1}: [1,2]' not in letter and '{"a":1,"b":1}: [2,2]' not in letter
    assert cd.Template("{n}", n=cd.Regex("[0-9]")).proviso() is None


@pytest.mark.parametrize("pattern", [5, None, b"{a}", "{a} \ud800"])
def test_the_text_of_a_template_is_a_text(pattern):
    with pytest.raises(ConstraintError, match="the template"):
        cd.Template(pattern, a=cd.Regex("x"))
