"""Types: every text of a type is a value of it, the values that it should hold are there, and the rest is named."""

import collections
import dataclasses
import datetime as dt
import functools
import ipaddress
import json
import math
import pathlib
import typing
import uuid
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import attrs
import numpy as np
import pydantic
import pytest
from pydantic import BaseModel, Field, FiniteFloat, StringConstraints

import ctrldiff as cd
from ctrldiff.errors import ConstraintError, ConstraintUnsatisfiable, OutputInvalid, SchemaInvalid
from ctrldiff.types.structured import output_type
from tests.conftest import named


class Level(IntEnum):
    LOW = 1
    HIGH = 20


class Mixed(Enum):
    ONE = 1
    NAME = "x"
    NONE = None
    HALF = 0.5


class Pair(NamedTuple):
    a: int
    b: bool = True


class Record(TypedDict, total=False):
    name: typing.Required[Literal["p", "q"]]
    n: int


@dataclasses.dataclass
class Point:
    x: int
    y: Decimal = Decimal(0)


@dataclasses.dataclass
class Counted:
    a: int
    seen: int = dataclasses.field(default=0, init=False)


IPV4 = ipaddress.IPv4Address("1.2.3.4")
HTTP = pydantic.HttpUrl("https://a-b.example.com:8080/p%20q?x=1&y#z")
POSTGRES = pydantic.PostgresDsn("postgres://db.example.com:5432/app")
NIL = str(uuid.UUID(int=0))
NOT_NAIVE = ["2024-02-29T01:02:03Z", "2023-02-29T01:02:03", "0000-01-01T01:02:03", "2024-02-29T24:02:03"]


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: Annotated[int, Field(ge=1, le=9)]


class Dog(BaseModel):
    kind: Literal["dog"]
    tag: str | None = None


class Home(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    zip_code: Annotated[str, StringConstraints(pattern="^[0-9]{5}$")] = Field(alias="zip")
    when: dt.date
    level: Level | None = None


class Tree(BaseModel):
    value: Literal[1, 2]
    children: Annotated[list["Tree"], Field(max_length=2)] = []


class Strict(BaseModel, strict=True):
    day: dt.date
    n: int


class Shape(BaseModel):
    area: pydantic.conlist(int, min_length=1, max_length=2)  # type: ignore[valid-type]

    @pydantic.computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> int:
        return sum(self.area)


class Numbers(pydantic.RootModel[dict[Literal["a", "b"], pydantic.PositiveInt]]): ...


T = typing.TypeVar("T")


class Box(BaseModel, typing.Generic[T], extra="forbid", frozen=True):
    held: T
    more: list[T] = Field(default=[], alias="and more", max_length=1)


BOXES = Box[Box[Level] | None]


class Pairs(TypedDict, typing.Generic[T]):
    first: T
    rest: typing.NotRequired[list[T]]


@attrs.define
class Leaf:
    _size: int
    name: str = attrs.field(default="x", converter=str.upper)
    seen: list[int] = attrs.field(factory=list, init=False)


@attrs.define
class Small(Leaf):
    least: int = attrs.field(kw_only=True, validator=attrs.validators.le(20))


@attrs.frozen
class Branch:
    leaves: list[Leaf]
    main: Leaf | None = None


class Nothing(BaseModel): ...


@dataclasses.dataclass(kw_only=True)
class Line:
    start: Point | None = None
    ends: tuple[Point, ...]


class File(BaseModel):
    path: pathlib.PurePosixPath
    secret: Annotated[pydantic.SecretStr, Field(max_length=3)]
    size: pydantic.ByteSize


class Paths(BaseModel, extra="forbid"):
    a: int = Field(validation_alias=pydantic.AliasPath("p", 1))
    n: Annotated[int, Field(alias="N")]
    b: list[int] = Field(default=[], validation_alias=pydantic.AliasPath("p", 2))
    c: Point = Field(
        validation_alias=pydantic.AliasChoices(pydantic.AliasPath("q", "r s", 0, "t"), pydantic.AliasPath("z", "z"))
    )


class Beside(BaseModel):
    a: int = Field(validation_alias=pydantic.AliasPath("q", "a"))
    other: str = Field(alias="a")


class Logged(BaseModel):
    line: pydantic.Json[list[Point]]
    more: pydantic.Json


class Strength(int, Enum):
    TWO = 2


class Numbered(Enum):
    ONE = 1


class Stripped(BaseModel, str_strip_whitespace=True):
    name: Annotated[str, Field(min_length=1)]
    by: dict[Annotated[str, Field(min_length=1)], int]
    own: Annotated[str, StringConstraints(strip_whitespace=False, min_length=1)]


class Unbounded(BaseModel):
    least: float = math.nan
    most: list[float] = Field([math.inf], examples=[[math.inf]])


class Node(TypedDict):
    n: int
    next: typing.Optional["Node"]


class Chain(TypedDict, typing.Generic[T]):
    of: T
    more: list["Chain[T]"]


class Upper(TypedDict):
    """Names in capitals."""

    __pydantic_config__ = pydantic.ConfigDict(alias_generator=str.upper, str_max_length=2)  # type: ignore[misc]
    name: str


# a type, texts of it with their values, texts that are none
CASES: list[tuple[Any, dict[str, Any], list[str]]] = [
    (int, {"-12": -12}, ["1.0", "x"]),
    (bool, {"true": True}, ["True", "1"]),
    (Level, {"20": Level.HIGH}, ["2", '"LOW"']),
    (Mixed, {"1": Mixed.ONE, '"x"': Mixed.NAME, "null": Mixed.NONE, "0.5": Mixed.HALF}, ["x", "2"]),
    (Literal[1, True, "a", None], {"1": 1, "true": True, '"a"': "a", "null": None}, ["false", "a"]),
    (Literal["a", "b"], {"a": "a"}, ['"a"', "c"]),
    (Literal[Level.LOW], {"1": Level.LOW}, ["20"]),
    (Literal[3] | None, {"3": 3, "null": None}, ["4"]),
    (dt.date, {"2024-02-29": dt.date(2024, 2, 29)}, ["0000-01-01", "2023-02-29", '"2024-02-29"']),
    (
        Annotated[dt.date, Field(gt=dt.date(2023, 12, 30), le=dt.date(2025, 3, 9))],
        {"2023-12-31": dt.date(2023, 12, 31), "2025-03-09": dt.date(2025, 3, 9)},
        ["2023-12-30", "2025-03-10", "2026-01-01"],
    ),
    (pydantic.PastDate, {"1999-01-01": dt.date(1999, 1, 1)}, ["9999-01-01"]),
    (dt.time, {"23:59:00Z": dt.time(23, 59, tzinfo=dt.UTC)}, ["24:00:00Z", "23:59:60Z"]),
    (dt.datetime, {"2026-04-02T01:02:03Z": dt.datetime(2026, 4, 2, 1, 2, 3, tzinfo=dt.UTC)}, ["2026-04-02"]),
    (
        dt.timedelta,
        {"P1DT2H": dt.timedelta(days=1, hours=2), "PT0.5S": dt.timedelta(seconds=0.5)},
        ["P", "PT", "1 day"],
    ),
    (uuid.UUID, {"0" * 8 + "-0000-0000-0000-" + "0" * 12: uuid.UUID(int=0)}, ["0" * 32]),
    (pydantic.UUID4, {}, ["00000000-0000-1000-8000-000000000000", "00000000-0000-4000-0000-000000000000"]),
    (Decimal, {"308.8": Decimal("308.8"), "12345678901234567890": Decimal(12345678901234567890)}, ['"1"', "0.1234567"]),
    (
        Annotated[Decimal, Field(max_digits=4, decimal_places=2, gt=0)],
        {"99.99": Decimal("99.99"), "0.01": Decimal("0.01")},
        ["0", "-1", "100", "1.001"],
    ),
    (Annotated[Decimal, Field(max_digits=2)], {"-99": Decimal(-99), "9.9": Decimal("9.9")}, ["100", "9.99", "0.123"]),
    (list[dt.date], {'["2026-04-02"]': [dt.date(2026, 4, 2)]}, ['["0000-04-02"]']),
    (list[dt.timedelta], {'["P1D"]': [dt.timedelta(days=1)]}, ['["P"]']),
    (tuple[int, str], {'[1,"a"]': (1, "a")}, ["[1]", '[1,"a",2]', '["a",1]']),
    (tuple[int, ...], {"[]": (), "[1,2]": (1, 2)}, ['["a"]']),
    (set[Literal["a", "b"]], {"[]": set(), '["b","a"]': {"a", "b"}}, ['["a","a"]']),
    (frozenset[Level], {"[20]": frozenset({Level.HIGH})}, ["[1,1]"]),
    (Annotated[set[int], Field(max_length=2)], {"[1,2]": {1, 2}, "[1]": {1}}, ["[1,2,3]", "[1,1]"]),
    (Annotated[set[str], Field(min_length=2)], {'["b","a"]': {"a", "b"}}, ['["a"]', '["a","a"]']),
    (set[tuple[int, str]], {'[[1,"a"],[1,"b"]]': {(1, "a"), (1, "b")}}, ['[[1,"a"],[1,"a"]]']),
    (Annotated[set[bool], Field(min_length=2)], {"[true,false]": {True, False}}, ["[true]", "[true,true]"]),
    (dict[str, int], {'{"a":1}': {"a": 1}, "{}": {}}, ['{"a":"1"}']),
    (dict[int, bool], {'{"-1":true}': {-1: True}}, ['{"a":true}', '{"01":true}']),
    (dict[Level, bool], {'{"20":true}': {Level.HIGH: True}}, ['{"2":true}']),
    (dict[dt.date, int], {'{"2026-04-02":1}': {dt.date(2026, 4, 2): 1}}, ['{"x":1}']),
    (dict[uuid.UUID, bool], {'{"' + NIL + '":true}': {uuid.UUID(int=0): True}}, ['{"0":true}']),
    (dict[pydantic.UUID4, bool], {}, ['{"' + NIL + '":true}']),
    (Pair, {'{"a":1,"b":false}': Pair(1, False)}, ["[1,true]", '{"a":1}']),
    (Record, {'{"name":"p","n":1}': {"name": "p", "n": 1}}, ['{"name":"r","n":1}']),
    (list[Record], {'[{"name":"p","n":1}]': [{"name": "p", "n": 1}]}, ['[{"n":1}]']),
    (Point, {'{"x":1,"y":0.25}': Point(1, Decimal("0.25"))}, ['{"x":1.5,"y":1}']),
    (
        Home,
        {
            '{"pet":{"kind":"cat","lives":9},"zip":"12345","when":"2026-04-02","level":20}': Home(
                pet=Cat(lives=9), zip="12345", when=dt.date(2026, 4, 2), level=Level.HIGH
            ),
            '{"pet":{"kind":"dog","tag":null},"zip":"12345","when":"2026-04-02","level":null}': Home(
                pet=Dog(kind="dog"), zip="12345", when=dt.date(2026, 4, 2)
            ),
        },
        ['{"pet":{"kind":"cat","tag":null},"zip":"12345","when":"2026-04-02","level":null}'],
    ),
    (
        Tree,
        {'{"value":1,"children":[{"value":2,"children":[]}]}': Tree(value=1, children=[Tree(value=2)])},
        ['{"value":3,"children":[]}', '{"value":1,"children":[{"value":3,"children":[]}]}'],
    ),
    (Strict, {'{"day":"2026-04-02","n":1}': Strict(day=dt.date(2026, 4, 2), n=1)}, ['{"day":"0000-04-02","n":1}']),
    (Annotated[dt.date, pydantic.Strict()], {"2026-04-02": dt.date(2026, 4, 2)}, []),
    (Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)], {"a b": "a b"}, [" ", " a", ""]),
    (Annotated[str, StringConstraints(strip_whitespace=True)], {"\ufeffa": "\ufeffa"}, ["\x85a", "a\x85", "a\u3000"]),
    (Annotated[str, StringConstraints(ascii_only=True)], {"a~\n": "a~\n"}, ["é", "aé", "\x80"]),
    (list[Annotated[str, StringConstraints(ascii_only=True)]], {'["a",""]': ["a", ""]}, ['["é"]', '["aéa"]']),
    (Annotated[str, Field(max_length=3)], {'"b"': '"b"', "é\n": "é\n"}, ["abcd", ""]),
    (Annotated[str, Field(pattern="^a", min_length=0, max_length=9999)], {"ab": "ab"}, ["ba"]),
    (list[Annotated[str, StringConstraints(strip_whitespace=True)]], {'["a b"]': ["a b"]}, ['[" a"]']),
    (pydantic.NaiveDatetime, {"2024-02-29T01:02:03.5": dt.datetime(2024, 2, 29, 1, 2, 3, 500_000)}, NOT_NAIVE),
    (Annotated[Decimal, Field(multiple_of=Decimal("0.25"), ge=1)], {"1.75": Decimal("1.75")}, ["1.8", "0.75"]),
    (Annotated[Decimal, Field(multiple_of=5)], {"-10": Decimal(-10)}, ["1", "5.5"]),
    (Annotated[Decimal, Field(max_digits=2, decimal_places=2)], {"-0.25": Decimal("-0.25")}, ["0", "1", "0.125"]),
    (dict[Annotated[str, Field(pattern="^a+$")], bool], {'{"aa":true}': {"aa": True}}, ['{"b":true}', '{"b":1}']),
    (Counted, {'{"a":1}': Counted(1)}, ['{"a":1,"seen":2}']),
    (Shape, {'{"area":[1,2]}': Shape(area=[1, 2])}, ['{"area":[]}', '{"area":[1],"total":1}']),
    (Numbers, {'{"b":1}': Numbers({"b": 1}), "{}": Numbers({})}, ['{"c":1}', '{"a":0}']),
    (
        BOXES,
        {'{"held":{"held":1,"and more":[]},"and more":[null]}': BOXES(held={"held": 1}, **{"and more": [None]})},
        ['{"held":null}', '{"held":null,"and more":[null,null]}', '{"held":{"held":2,"and more":[]},"and more":[]}'],
    ),
    (Pairs[int], {'{"first":1,"rest":[2]}': {"first": 1, "rest": [2]}}, ['{"first":"a","rest":[]}', '{"rest":[1]}']),
    (Branch, {'{"leaves":[],"main":null}': Branch([])}, ['{"leaves":[{"name":"a"}],"main":null}']),
    (Nothing, {"{}": Nothing()}, ['{"a":1}']),
    (Line, {'{"start":null,"ends":[{"x":1,"y":0}]}': Line(ends=(Point(1),))}, ['{"ends":[]}']),
    (
        File,
        {
            '{"path":"/a b","secret":"é","size":1}': File(
                path=pathlib.PurePosixPath("/a b"), secret=pydantic.SecretStr("é"), size=pydantic.ByteSize(1)
            )
        },
        ['{"path":"/a","secret":"long","size":1}', '{"path":"/a","secret":"","size":"1 parsec"}'],
    ),
    (int | list[int], {"1": 1, "[1]": [1]}, ['"1"']),
    (pydantic.HttpUrl, {"https://a-b.example.com:8080/p%20q?x=1&y#z": HTTP}, ["ftp://a.b", "http://1.2", "http://a b"]),
    (list[pydantic.AnyUrl], {'["ssh://host/x"]': [pydantic.AnyUrl("ssh://host/x")]}, ['["x"]', '["file://a:80/"]']),
    (pydantic.FileUrl, {"file:///etc/x": pydantic.FileUrl("file:///etc/x")}, ["file://a:80/x", "http://a/x"]),
    (pydantic.PostgresDsn, {"postgres://db.example.com:5432/app": POSTGRES}, ["mysql://a/b"]),
    (ipaddress.IPv4Address, {"10.0.0.255": ipaddress.IPv4Address("10.0.0.255")}, ["10.0.0.256", "010.0.0.1"]),
    (list[ipaddress.IPv6Address], {'["::1"]': [ipaddress.IPv6Address("::1")]}, ['["1::2::3"]', '["1"]']),
    (ipaddress.IPv4Network, {"10.128.0.0/9": ipaddress.IPv4Network("10.128.0.0/9")}, ["10.64.0.0/9", "10.0.0.0/33"]),
    (ipaddress.IPv6Network, {"2001:db8::/32": ipaddress.IPv6Network("2001:db8::/32")}, ["2001:db8::1/32"]),
    (ipaddress.IPv4Interface, {"10.1.2.3/8": ipaddress.IPv4Interface("10.1.2.3/8")}, ["10.1.2.3/33"]),
    (pydantic.IPvAnyAddress, {"::": ipaddress.IPv6Address("::"), "1.2.3.4": IPV4}, ["1.2.3", ":"]),
    (
        Paths,
        {
            '{"N":7,"p":[null,1,[2]],"q":{"r s":[{"t":{"x":1,"y":0.5}}]}}': Paths.model_validate(
                {"N": 7, "p": [0, 1, [2]], "q": {"r s": [{"t": {"x": 1, "y": 0.5}}]}}
            )
        },
        ['{"N":7,"p":[1,1,[2]],"q":{"r s":[{"t":{"x":1,"y":0}}]}}', '{"N":7,"p":[null,1],"q":{"r s":[]}}'],
    ),
    (Beside, {'{"a":"x","q":{"a":1}}': Beside(a="x", q={"a": 1})}, ['{"a":1,"q":{"a":1}}']),
    (
        Logged,
        {r'{"line":"[{\"x\":1,\"y\":0.5}]","more":"\"é\\\"\""}': Logged(line='[{"x":1,"y":0.5}]', more='"é\\""')},
        ['{"line":[],"more":"1"}', '{"line":"[1]","more":"1"}', '{"line":"[]","more":"x"}', '{"line":"","more":"1"}'],
    ),
    (Annotated[Literal["auto", "b"], Field(max_length=2)], {"b": "b"}, ["auto", '"b"']),
    (dict[Strength, int], {'{"2":1}': {Strength.TWO: 1}}, ['{"1":1}']),
    (dict[Literal["a", 1], int], {'{"a":1}': {"a": 1}}, ['{"1":1}']),
    (dict[int | dt.date, int], {'{"-1":1,"2024-01-02":2}': {-1: 1, dt.date(2024, 1, 2): 2}}, ['{"a":1}', '{"01":1}']),
    (dict[int | None, int], {'{"5":1}': {5: 1}}, ['{"null":1}', '{"a":1}']),
    (dict[str | int, int], {'{"5":1,"a":2}': {"5": 1, "a": 2}}, ['{"a":"1"}']),
    (
        Stripped,
        {'{"name":"a b","by":{"a":1},"own":" "}': Stripped(name="a b", by={"a": 1}, own=" ")},
        ['{"name":" ","by":{},"own":"a"}', '{"name":"a ","by":{},"own":"a"}', '{"name":"a","by":{" ":1},"own":"a"}'],
    ),
    (Unbounded, {'{"least":1.5,"most":[2]}': Unbounded(least=1.5, most=[2])}, ['{"least":null,"most":[]}']),
    (Annotated[Decimal, Field(ge=0, lt=Decimal("Infinity"))], {"1.5": Decimal("1.5")}, ["-1"]),
    (Annotated[Decimal, Field(ge=0.1, lt=0.3)], {"0.1": Decimal("0.1")}, ["0.3", "0.09"]),
    (Annotated[float, Field(gt=-0.3, le=0.3, multiple_of=0.1)], {"0.3": 0.3, "-0.2": -0.2}, ["-0.3", "0.4", "0.25"]),
    (Node, {'{"n":1,"next":{"n":2,"next":null}}': {"n": 1, "next": {"n": 2, "next": None}}}, ['{"n":1,"next":{}}']),
    (Chain[int], {'{"of":1,"more":[{"of":2,"more":[]}]}': {"of": 1, "more": [{"of": 2, "more": []}]}}, ['{"of":"a"}']),
    (collections.abc.Sequence[Upper], {'[{"NAME":"ab"}]': [{"name": "ab"}]}, ['[{"name":"ab"}]', '[{"NAME":"abc"}]']),
    (collections.deque[Record], {'[{"name":"p","n":1}]': collections.deque([{"name": "p", "n": 1}])}, ["[{}]"]),
    (pydantic.Json[int | None], {'"-5"': -5, '"null"': None}, ["5", '"x"', '""']),
    (dict[pydantic.AnyHttpUrl, bool], {'{"http://a/":true}': {pydantic.AnyHttpUrl("http://a/"): True}}, ['{"a":true}']),
]


@pytest.mark.parametrize(
    ("wanted", "texts", "others"),
    CASES,
    ids=lambda value: named(list(value) if isinstance(value, dict) else value)[:40],
)
def test_texts_and_values_of_a_type(wanted, texts, others):
    kind = output_type(wanted)
    for text, value in texts.items():
        assert text in kind.description, text
        again = kind.read(text)
        assert again == value and type(again) is type(value)
    for text in others:
        assert text not in kind.description, text
    rng = np.random.default_rng(5)
    dfa = kind.description.dfa()
    for member in (dfa.sample(rng, 200).decode() for _ in range(60)):
        if member in kind.description:  # whatever may be written is a value: read raises if it is not
            kind.read(member)


def test_an_attrs_class_is_made_by_its_own_rules():
    kind = output_type(list[Small])
    text = '[{"size":3,"name":"a","least":20}]'
    assert kind.read(text) == [Small(3, "a", least=20)] and text in kind.description
    assert kind.read('[{"size":4,"least":5}]') == [Small(4, least=5)]
    assert kind.ask == "[{size:int,name,least:int}]"
    with pytest.raises(OutputInvalid, match="<= 20"):
        kind.read(text.replace("20", "21"))


@pytest.mark.parametrize("around", ["{}", '["{}"]', '{{"{}":0}}'])
def test_addresses_of_mail_are_those_that_pydantic_takes(around):
    pytest.importorskip("email_validator")
    types: list[Any] = [(pydantic.EmailStr, "ann.o'neil+x@mail.example.co")]
    if around[0] != "{" or around == "{}":  # the other has no hash, and can be no key
        types.append((pydantic.NameEmail, "Åsa B <a@b.se>"))
    for wanted, good in types:
        held = wanted if around == "{}" else list[wanted] if around[0] == "[" else dict[wanted, int]
        kind = output_type(held)
        assert around.format(good) in kind.description
        for bad in (
            "a@localhost",
            "a@b.test",
            "a@b.LOCAL",
            "a@b",
            "a..b@c.de",
            ".a@b.de",
            "a@b.c1",
            "a@b.1",
            "a b@c.de",
        ):
            assert around.format(bad) not in kind.description, bad
        rng = np.random.default_rng(3)
        for member in (kind.description.dfa().sample(rng, 200).decode() for _ in range(60)):
            kind.read(member)


def test_every_url_and_every_name_of_a_net_that_may_be_written_is_one():
    kinds = [getattr(pydantic.networks, name) for name in dir(pydantic.networks) if name.endswith(("Dsn", "Url"))]
    nets = [ipaddress.IPv6Interface, pydantic.IPvAnyInterface, pydantic.IPvAnyNetwork, ipaddress.IPv6Network]
    rng, checked = np.random.default_rng(1), 0
    for wanted in [
        one for one in kinds if one is not pydantic.networks._BaseUrl and hasattr(one, "_constraints")
    ] + nets:
        kind = output_type(wanted)
        for member in (kind.description.dfa().sample(rng, 80).decode() for _ in range(20)):
            kind.read(member)
            checked += 1
    assert checked > 20 * 20


def test_dates_of_a_range_are_exactly_its_days():
    low, high = dt.date(2019, 12, 28), dt.date(2020, 3, 2)
    days = output_type(Annotated[dt.date, Field(ge=low, lt=high)]).description.dfa()
    expected = [(low + dt.timedelta(n)).isoformat() for n in range((high - low).days)]
    assert [day.decode() for day in days.members()] == expected


def test_decimals_are_exactly_those_that_pydantic_takes():
    wanted = Annotated[Decimal, Field(max_digits=2, ge=Decimal("-0.5"), lt=3)]
    adapter, dfa = pydantic.TypeAdapter(wanted), output_type(wanted).description.dfa()
    for thousandths in range(-1200, 3400):
        text = format(Decimal(thousandths) / 1000, "f")
        try:
            adapter.validate_json(text)
            valid = True
        except pydantic.ValidationError:
            valid = False
        canonical = text == format(Decimal(text).normalize() + 0, "f")
        assert (text in dfa) == (valid and canonical), text


def test_a_functions_arguments_are_what_it_is_called_with():
    def book(city: str, nights: Annotated[int, Field(ge=1, le=30)] = 1, *, when: dt.date, self_: Record | None = None):
        return city, nights, when, self_

    kind = output_type(book)
    text = '{"city":"Oslo","nights":2,"when":"2026-04-02","self_":{"name":"p","n":1}}'
    assert text in kind.description and text.replace("2,", "0,") not in kind.description
    kwargs = kind.read(text)
    assert kwargs == {"city": "Oslo", "nights": 2, "when": dt.date(2026, 4, 2), "self_": {"name": "p", "n": 1}}
    assert book(**kwargs)[2] == dt.date(2026, 4, 2)
    assert kind.asked("keys") == "{city,nights:int,when:date,self_:{name:p|q,n:int}}"
    assert kind.ask == "{city,nights:int,when:date,self_:{name:p|q,n:int}|null}"
    assert output_type(functools.partial(book, when=dt.date(2026, 4, 2))).ask == kind.ask


def test_what_a_functions_defaults_say_of_its_arguments_holds():
    def book(
        nights: int = Field(ge=2, description="how long"), rooms: list[int] = Field(default_factory=list, max_length=1)
    ):
        return nights, rooms

    kind = output_type(book)
    assert kind.read('{"nights":2,"rooms":[1]}') == {"nights": 2, "rooms": [1]}
    assert '{"nights":2,"rooms":[1]}' in kind.description
    assert '{"nights":1,"rooms":[]}' not in kind.description and '{"nights":2,"rooms":[1,2]}' not in kind.description
    assert kind.ask == '{nights:int "how long",rooms:[int]}'


def test_what_a_typed_dict_says_of_itself_is_asked_for():
    assert output_type(Upper).place.text == "Names in capitals."


def test_an_error_at_an_item_that_a_validator_made_is_an_invalid_answer():
    with pytest.raises(OutputInvalid, match="rule that the schema does not say"):
        output_type(Annotated[list[int], pydantic.BeforeValidator(lambda given: [*given, "x"])]).read("[1]")


class Photo(BaseModel):
    title: str
    data: bytes


class Album(BaseModel):
    photos: list[Photo]
    by_name: dict[str, complex] = {}


class Links(BaseModel):
    home: dict[str, tuple[int, pydantic.Base64Bytes]]


class Odd(Enum):
    FINE = 1
    BAD = (1, 2)


class Calls(BaseModel):
    then: typing.Callable[[int], int]


class Deep(BaseModel):
    first: int = Field(validation_alias=pydantic.AliasChoices("one", pydantic.AliasPath("two", 0)))
    second: int = Field(validation_alias=pydantic.AliasPath("two", -1))


class Shared(BaseModel):
    a: int = Field(alias="x")
    b: Annotated[int, Field(ge=2)] = Field(alias="x")


class Crossed(BaseModel):
    a: list[int]
    b: int = Field(validation_alias=pydantic.AliasPath("a", 0))


@pytest.mark.parametrize(
    ("wanted", "field", "why"),
    [
        (Deep, "Deep", "second is read from the path ['two', -1]"),
        (list[Shared], "[]", "a and b are both read from 'x'"),
        (Crossed, "Crossed", "b is read from the path ['a', 0]"),
        (Photo, "Photo.data", "bytes have no JSON form"),
        (list[Album], "[].photos[].data", "bytes"),
        (Links, "Links.home[][1]", "bytes"),
        (Odd, "Odd", "BAD"),
        (Calls, "Calls.then", "CallableSchema"),
        (complex, "complex", "complex number"),
        (set, "set", "a set holds no values of any type: list says the same"),
        (dict[str, frozenset[list[int]]], "[]", "a set holds no lists"),
        (set[int | tuple[str, dict[str, int]]], "", "a set holds no dictionaries"),
        (set[Point | None], "", "a set holds no Point, which is not frozen"),
        (type[int], "", "a class has no JSON form"),
        (typing.Hashable, "", "only some JSON values"),
        (typing.Iterable[int], "", "list says the same"),
        (Annotated[dt.timedelta, Field(gt=dt.timedelta(1))], "", "gt compares durations"),
        (pydantic.FutureDatetime, "FutureDatetime", "now_op"),
        (dict[float, int], "", "keys are no strings"),
        (dict[Decimal, int], "", "keys are no strings"),
        (dict[Literal[1, 2], int], "", "keys are no strings, and are not read as ones"),
        (dict[str, dict[Numbered, int]], "", "keys are no strings, and are not read as ones"),
        (dict[dt.date | float, int], "", "keys are no strings"),
        (Annotated[Decimal, Field(gt=Decimal("Infinity"))], "", "its bound Infinity leaves no number"),
        (Annotated[float, Field(lt=math.nan)], "", "its bound NaN leaves no number"),
        (list[pydantic.Json[complex]], "[]", "complex number"),
    ],
)
def test_a_type_that_cannot_be_honoured_is_named_where_it_stands(wanted, field, why):
    with pytest.raises(ConstraintError, match="cannot be honoured") as caught:
        output_type(wanted)
    assert field in caught.value.field and why in str(caught.value) and caught.value.pointer.startswith("#")


class Size(Enum):
    SMALL = 1
    LARGE = 9


PROBES = [
    *(
        "null",
        "true",
        "false",
        "-3",
        "0",
        "1",
        "4",
        "5",
        "6",
        "7",
        "9",
        "14",
        "5.5",
        "14.5",
        '""',
        '"b"',
        '"ab"',
        '"abc"',
    ),
    *("[]", "[true]", "[true,true,true]", '["b","b"]', '["b","b","b"]', "{}", '{"a":1}', '{"a":1,"b":1,"c":1}'),
    *('"2019-01-01"', '"2021-01-01"', '"small"', '"auto"', "[1,1]", "[1,1,1]", "[9]"),
]
OUTER = [
    Annotated[int | float, Field(gt=5)],
    Annotated[int | float | None, Field(ge=5, lt=14)],
    Annotated[int | str, Field(ge=5)],
    Annotated[Annotated[int, Field(gt=6)] | bool, Field(gt=4)],
    Annotated[Decimal | int, Field(le=5)],
    Annotated[int | float, Field(multiple_of=7)],
    Annotated[list[bool] | list[str], Field(max_length=2)],
    Annotated[str | list[bool], Field(min_length=2, max_length=2)],
    Annotated[dict[str, int] | str | int, Field(max_length=2)],
    Annotated[tuple[int, ...] | dict[str, int], Field(min_length=1)],
    Annotated[str | int, Field(pattern="^a")],
    Annotated[str | list[bool] | None, Field(pattern="b$")],
    Annotated[Literal["auto", "b"] | int, Field(gt=4)],
    Annotated[Literal[1, 5, 9], Field(gt=4)],
    Annotated[bool, Field(gt=0)],
    Annotated[dt.date | bool, Field(le=0)],
    list[Annotated[int | bool, Field(le=1)]],
    Annotated[int, pydantic.BeforeValidator(lambda value: value), Field(gt=5)],
    Annotated[collections.defaultdict[str, int], Field(min_length=1, max_length=2)],
]


@pytest.mark.parametrize("wanted", OUTER, ids=range(len(OUTER)))
def test_a_bound_of_a_whole_union_holds_for_what_pydantic_takes_and_nothing_else(wanted):
    """By pydantic's own reading of every probe. Its schema says less, or other words."""
    kind, adapter = output_type(wanted), pydantic.TypeAdapter(wanted)
    bare = not isinstance(kind.description, cd.JsonSchema)  # strings are written without quotes then
    lax = cd.JsonSchema(adapter.json_schema(), optional="write")

    def takes(text):
        try:
            adapter.validate_json(text, strict=True)
        except (pydantic.ValidationError, TypeError):
            return False
        return True

    written = {text: (json.loads(text) if bare and text[0] == '"' else text) for text in PROBES}
    assert {text for text in PROBES if written[text] in kind.description} == {text for text in PROBES if takes(text)}
    assert any(text in lax and not takes(text) for text in PROBES)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Annotated[int | float, Field(multiple_of=0.1)], "multiples of a fraction"),
        (Annotated[typing.Any, Field(max_length=3)], "max_length is asked of the whole of it"),
        (Annotated[Point | int, Field(gt=3)], "gt is asked of the whole of it"),
        (Annotated[bool, Field(gt=5)], "no value of it"),
        (Annotated[dt.date | int, Field(gt=dt.date(2020, 1, 1))], "gt is asked of the whole of it"),
    ],
)
def test_a_bound_that_no_member_can_say_is_refused(wanted, why):
    with pytest.raises(ConstraintError, match="cannot be honoured") as caught:
        output_type(wanted)
    assert why in str(caught.value)


class Lost(BaseModel):
    a: "Nowhere"  # noqa: F821


@pytest.mark.parametrize("wanted", [Lost, list["Nowhere"], dict[str, Lost], Lost | None])  # noqa: F821
def test_a_name_that_stands_for_no_type_is_refused(wanted):
    with pytest.raises(ConstraintError, match="not a type that can be written as JSON") as caught:
        output_type(wanted)
    assert "Nowhere" in str(caught.value) or "is not fully defined" in str(caught.value)  # in pydantic's words


@pytest.mark.parametrize("bounds", [{"min_length": 5, "max_length": 2}, {"max_length": 0}])
def test_lengths_that_no_text_has_are_refused(bounds):
    with pytest.raises(ConstraintUnsatisfiable, match=r"no text has at least [15] characters and at most [02]"):
        output_type(Annotated[str, Field(**bounds)])


def test_a_schema_met_with_anything_is_still_asked_for_and_read_as_its_schema():
    schema = cd.JsonSchema({"properties": {"a": {"type": "string"}, "n": {"type": "integer"}}, "required": ["a", "n"]})
    for met in (schema & cd.Length(words=(3, 9), ascii=True), cd.Regex(".{9,}") & schema & cd.Avoids("b", ascii=True)):
        kind, alone = output_type(met), output_type(schema)
        assert kind.read('{"a":"c","n":1}') == {"a": "c", "n": 1} and kind.description == met
        assert kind.ask == alone.ask and kind.asked("keys") == alone.asked("keys") == "{a,n:int}"
    told = cd.JsonSchema({"type": "array", "items": {"format": "regex"}}, unsupported="check")
    with pytest.raises(OutputInvalid, match="checked, not enforced"):
        output_type(told & cd.Length(characters=(1, 9))).read('["("]')
    spans = cd.JsonSchema({"type": "string", "x-span": True}) & cd.Length(characters=4)
    found = output_type(spans, document="ab cd")
    assert found.has_spans and '"ab"' in found.description and '"xx"' not in found.description


def test_what_a_validator_raises_is_an_answer_that_is_invalid():
    def broken(value: int) -> int:
        raise KeyError("no such order")

    @dataclasses.dataclass
    class Order:
        n: int

        def __post_init__(self):
            raise RuntimeError("not today")

    for wanted, text, kind, said in (
        (Annotated[int, pydantic.AfterValidator(broken)], "3", "KeyError", "no such order"),
        (Order, '{"n":1}', "RuntimeError", "not today"),
    ):
        with pytest.raises(OutputInvalid, match=kind) as caught:
            output_type(wanted).read(text)
        assert caught.value.raw == text and said in str(caught.value)


def test_what_pydantic_cannot_read_is_named():
    with pytest.raises(ConstraintError, match="range"):
        output_type(range)
    with pytest.raises(ConstraintError, match="is not a type"):
        output_type(list[dataclasses.field()])
    with pytest.raises(ConstraintError, match="strict"):
        output_type(Annotated[int | str, Field(strict=True)])

    def star(*args: int): ...
    def untyped(a, b: int): ...
    def lost(a: "Nowhere"): ...  # noqa: F821
    def positional(a: int, /): ...

    for function, name in ((star, "args"), (untyped, "'a'"), (lost, "Nowhere"), (positional, "positional-only")):
        with pytest.raises(ConstraintError, match=name):
            output_type(function)


def test_a_rule_of_the_types_own_is_named_with_the_text():
    def even(value: int) -> int:
        if value % 2:
            raise ValueError("odd")
        return value

    kind = output_type(Annotated[int, pydantic.AfterValidator(even)])
    assert kind.read("4") == 4
    with pytest.raises(OutputInvalid, match="odd") as caught:
        kind.read("3")
    assert caught.value.raw == "3"


@pytest.mark.parametrize("wanted", [Home, Pair, Point, set[Literal["a", "b"]], Annotated[Decimal, Field(max_digits=5)]])
def test_a_model_writes_instances(wanted):
    text = "The cat at 90210 Beverly Hills was born on 2 April 2026."
    assert cd.from_pretrained("tiny")(text, wanted, steps=4).output is not None


@pytest.mark.parametrize("wanted", [int, {"type": "integer"}, list[int]])
def test_an_integer_that_python_could_not_print_is_no_answer(wanted):
    many = "1" * 4_301
    with pytest.raises(OutputInvalid, match="Python does not read"):
        output_type(wanted).read(f"[{many}]" if wanted == list[int] else many)
    read = output_type(wanted).read(f"[{many[1:]}]" if wanted == list[int] else many[1:])
    assert str(read).strip("[]") == many[1:]


@pytest.mark.parametrize("wanted", [float, {"type": "number"}, FiniteFloat, list[float]])
def test_a_number_beyond_a_floats_range_is_no_infinity(wanted):
    text = "9" * 400 + ".5"
    with pytest.raises(OutputInvalid, match="range"):
        output_type(wanted).read(f"[{text}]" if wanted == list[float] else text)


@pytest.mark.parametrize("step", [0.1, 0.3, 0.01, 3.0])
def test_floats_in_steps_are_read_back(step):
    kind = output_type(list[Annotated[float, Field(multiple_of=step)]])
    rng = np.random.default_rng(7)
    for member in (kind.description.dfa().sample(rng, 200) for _ in range(200)):
        assert kind.read(member.decode()) is not None
    assert "[0.9]" in kind.description or step == 3.0


def test_a_property_called_x_span_is_no_span():
    named = {"type": "object", "properties": {"x-span": True, "a": {"type": "null"}}, "required": ["a"]}
    assert not cd.JsonSchema(named).has_spans
    assert not cd.JsonSchema({"type": "string", "default": {"x-span": True}}).has_spans
    assert cd.JsonSchema({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string", "x-span": True}}}).has_spans


@pytest.mark.parametrize("token", ["²", "9" * 5000, "٣", "-1", "01x"])
def test_a_pointer_into_a_list_by_what_is_no_place_leads_nowhere(token):
    schema = {"anyOf": [{"type": "string"}], "properties": {"a": {"$ref": f"#/anyOf/{token}"}}, "type": "object"}
    with pytest.raises(SchemaInvalid, match="is not there"):
        output_type(schema)
