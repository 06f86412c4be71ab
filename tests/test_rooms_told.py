"""What is told of a canvas that was laid out: a text of the type that was asked for, and places in that text."""

import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

import ctrldiff as cd
from ctrldiff import fields
from ctrldiff.close import closed_fields, closed_flags
from ctrldiff.doubt import Flag
from ctrldiff.errors import OutputInvalid, Unsure
from ctrldiff.extract import extract_file
from ctrldiff.fields import Alternative
from ctrldiff.json_schema.places import nodes
from ctrldiff.layout import Rooms
from tests.counting import counting
from tests.test_retries import noisy, only

PLAN = cd.Plan.rooms(layout=Rooms(strings=10, numbers=6, integers=5, objects=16, items=2))
SHORT = PLAN.but(schedule=cd.schedule.Linear(3))
TEXTS = ["Maria Keller paid 12.50 EUR by credit for two lamps.", "Nobody paid.", "Zoë owes 7 for tea and milk"]
pytestmark = pytest.mark.filterwarnings("ignore::ctrldiff.errors.CanvasWarning")


class Closed(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Payer(Closed):
    name: str
    paid: float | None


class Line(Closed):
    n: int
    ok: bool | None


class Bill(Closed):
    payer: Payer
    kind: Literal["crédit", "debit"] | None
    lines: Annotated[list[Line], Field(min_length=1)]
    tags: Annotated[list[Literal["é", "b"]], Field(max_length=3)]
    due: bool
    size: Literal["x", "xxxxxxxxx"]  # whose room is not full of the shorter one


ASKED = cd.JsonSchema(Bill.model_json_schema())


@pytest.fixture(scope="module")
def model() -> cd.Model:
    """Its belief does not depend on the canvas, and it likes tabs, and letters of two bytes."""
    return counting(0, tabs=6.0, favour={"Ã": 7.0, "©": 7.0})


def canvas(model: cd.Model, result: cd.Result[Any]) -> str:
    return model.vocabulary.decode(result.tokens).decode()


def at(value: Any, pointer: str) -> Any:
    for part in pointer.split("/") if pointer else []:
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def check(model: cd.Model, result: cd.Result[Any], asked: cd.JsonSchema = ASKED) -> None:
    """The canvas is padded, what is told of it is not, and all places are those of what is told."""
    written = canvas(model, result)
    assert "\t" in written and result.raw in asked
    if not any(flag.nulled for flag in result.flags):
        assert result.raw == written.replace("\t", "")
    whole = json.loads(result.raw)
    nulled = {flag.where[1:] for flag in result.flags if flag.nulled}
    for name, one in result.fields.items():
        there = result.raw[slice(*one.where)]
        assert json.loads(there) == at(whole, name), name
        assert there == ("null" if name in nulled else one.text) or one.text[0] in "[{", name
        assert all("\t" not in other.text and other.text != one.text for other in one.others)
        assert len({other.text for other in one.others}) == len(one.others)
    decoded = written.replace("\t", "").encode()
    for flag in result.flags:
        assert decoded[flag.start : flag.end].decode() == flag.text != ""


@pytest.mark.parametrize("how", [{}, {"steps": 1}, {"temperature": 1.0, "steps": 8}], ids=["default", "one", "warm"])
def test_what_is_told_is_a_text_of_the_type_that_was_given(model, how):
    plan = cd.Plan.rooms(**how, layout=PLAN.layout)
    together = list(model.decode([cd.Request(text, Bill, seed=3) for text in TEXTS], plan=plan, batch_size=3))
    for one, text in zip(together, TEXTS, strict=True):
        check(model, one)
        assert json.loads(one.raw) == one.output.model_dump()
        assert model(text, Bill, plan=plan, seed=3).raw == one.raw


@pytest.mark.parametrize("seed", range(3))
def test_items_that_have_to_differ_do_so_without_their_tabs(seed):
    items = {"type": "array", "items": {"enum": [1, 2, 30]}, "uniqueItems": True, "minItems": 2, "maxItems": 3}
    schema = {"type": "object", "properties": {"a": items}, "required": ["a"], "additionalProperties": False}
    model = noisy(seed, {"\t": 4.0, "1": 3.0})
    check(model, model("x", schema, plan=SHORT), cd.JsonSchema(schema))


@pytest.mark.parametrize("text", TEXTS)
def test_fields_and_flags_speak_of_places_in_what_is_told(model, text):
    result = model(text, Bill, plan=SHORT, below=1.0)
    check(model, result)
    assert {"", "payer", "payer/name", "lines", "lines/0/n", "tags", "due"} <= {*result.fields}
    assert result.fields[""].text == result.raw and result.fields["lines"].text == json.dumps(
        [one.model_dump() for one in result.output.lines], separators=(",", ":")
    )
    assert result.flags and any(len(one.text) < len(one.text.encode()) for one in result.flags)
    for flag in result.flags:  # nothing was nulled: what was decoded is what is told
        assert result.raw.encode()[flag.start : flag.end].decode() == flag.text


def test_null_stands_where_it_is_said_to_stand(model):
    requests = [cd.Request(text, Bill, below=1.0, unsure="null") for text in TEXTS]
    for result in model.decode(requests, plan=SHORT, batch_size=3):
        check(model, result)
        assert result.output.kind is None and any(flag.nulled for flag in result.flags)
        assert result.raw[slice(*result.fields["kind"].where)] == "null"


def test_an_error_tells_the_text_that_a_result_would(model):
    with pytest.raises(Unsure) as caught:
        model(TEXTS[0], Bill, plan=SHORT, below=1.0, unsure="error")
    assert caught.value.raw in ASKED
    for flag in caught.value.flags:
        assert caught.value.raw.encode()[flag.start : flag.end].decode() == flag.text


class Rule(Closed):
    b: bool
    n: Annotated[int, Field(ge=0, le=99), only(*range(3, 100, 17))]
    kind: Literal["x", "y"] | None


@pytest.mark.parametrize("how", [{}, {"below": 0.5}, {"below": 1.0, "unsure": "null"}], ids=["", "below", "null"])
def test_answers_that_were_refused_are_told_so_too(how):
    asked, model = cd.JsonSchema(Rule.model_json_schema()), noisy(2, {"\t": 4.0})
    result = model("x", Rule, plan=SHORT, retries=300, **how)
    assert result.refused and all(one.raw in asked for one in result.refused)
    check(model, result, asked)
    blamed = [json.loads(one.raw)["n"] for one in result.refused]
    if not how.get("unsure"):  # what was refused for its number is not tried with another kind
        assert len({(json.loads(one.raw)["b"], n) for one, n in zip(result.refused, blamed)}) == len(blamed)


def test_when_all_are_refused_the_error_tells_them_so():
    class Never(Closed):
        n: Annotated[int, Field(ge=0, le=9), AfterValidator(lambda n: only().func(n))]
        kind: Literal["x", "y"] | None

    model, asked = noisy(1, {"\t": 4.0}), cd.JsonSchema(Never.model_json_schema())
    for retries in (0, 3, 100):
        with pytest.raises(OutputInvalid) as caught:
            model("x", Never, plan=SHORT, retries=retries)
        error = caught.value
        assert error.raw in asked and "\t" not in str(error)
        if retries:
            assert len(error.tried) == min(retries + 1, 10) and all(one.raw in asked for one in error.tried)


def test_what_was_taken_from_the_text_is_known_by_its_place():
    stated = {"type": "number", "x-from-text": "number"}
    inner = {"type": "object", "properties": {"t": stated}, "required": ["t"], "additionalProperties": False}
    schema = inner | {"properties": {"a": inner, "all": {"type": "array", "items": stated, "maxItems": 2}}}
    schema["required"] = ["a", "all"]
    model, text = noisy(3, {"\t": 2.0}), "It is 12,50 or 1 234, not 7."
    result = model(text, schema, plan=SHORT, fields=True)
    check(model, result, cd.JsonSchema(schema, document=text))
    assert result.grounded and {"/a/t"} <= result.grounded.keys()
    for pointer, places in result.grounded.items():
        one = result.fields[pointer[1:]]
        assert json.loads(result.raw[slice(*one.where)]) == at(result.output, pointer[1:])
        assert one.source == (places[0].start, places[0].end) and text[slice(*one.source)] == places[0].spelling


def test_rows_of_an_extraction_speak_of_the_answer_that_they_hold(model, tmp_path):
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS), encoding="utf-8")
    generator = cd.Generator(model, Bill, batch_size=2, plan=SHORT, below=1.0)
    assert extract_file(generator, source, out).done == len(TEXTS)
    for line, text in zip(out.read_text(encoding="utf-8").splitlines(), TEXTS, strict=True):
        row, raw = json.loads(line), model(text, Bill, plan=SHORT).raw
        assert "\\t" not in line and row["flags"]
        for name, one in row["fields"].items():
            assert json.loads(raw[slice(*one["where"])]) == at(json.loads(raw), name)


def test_a_page_ties_values_to_the_positions_that_spell_them():
    model = noisy(0, {"\t": 7.0, **dict.fromkeys("abcdefghij", 12.0)})  # a letter of two tokens is two signs on a page
    result = model(TEXTS[0], Bill, plan=SHORT, fields=True, trace=True)
    shown = result.page(TEXTS[0]).partition('id="data"')[2].partition(">")[2].partition("</script>")[0]
    data = json.loads(shown)
    assert len(data["values"]) == len(result.values) > 5
    for positions, value in zip(data["values"], result.values, strict=True):
        spelled = model.vocabulary.decode([result.tokens[n] for n in positions]).decode()
        assert spelled == value.text


def test_whoever_asks_for_tabs_has_them():
    model, padded = noisy(0, {"\t": 15.0}), cd.JsonSchema(Payer.model_json_schema(), whitespace="padded")
    result = model("x", padded, plan=PLAN, fields=True, max_new_tokens=60)
    assert "\t" in result.raw and result.raw in padded and result.raw == canvas(model, result)
    for place, holds in nodes(result.raw):
        assert holds or result.raw[slice(*result.fields[place.where[1:]].where)] == result.fields[place.where[1:]].text


def test_other_values_that_differ_in_tabs_alone_are_one():
    inner = {"type": "array", "items": {"enum": [1]}, "maxItems": 1}
    held = {"type": "object", "properties": {"xs": inner}, "required": ["xs"], "additionalProperties": False}
    schema = {"type": "object", "properties": {"a": {"anyOf": [held, {"type": "null"}]}}, "required": ["a"]}
    seen = 0
    for seed in range(6):
        model = noisy(seed, {"\t": 4.0, "{": 9.0})
        result = model("x", schema, plan=SHORT, fields=True)
        check(model, result, cd.JsonSchema(schema | {"additionalProperties": False}))
        for one in result.fields.values():
            assert one.exact + sum(other.prob for other in one.others) <= 1 + 1e-4
        one = result.fields.get("a/xs")
        if one is not None and one.text == "[]":
            assert {other.text for other in one.others} <= {"null", "[1]"}
            seen += 1
    assert seen


def test_places_are_moved_by_the_tabs_before_them():
    text = '{"é":[1\t\t,"ü"\t],"b":[\t]\t}'
    flag = Flag("/b", "[\t]", 0.1, text.encode().index(b"[\t"), text.encode().index(b"\t}"))
    (moved,) = closed_flags([flag], text)
    assert (moved.text, moved.start, moved.end) == ("[]", 19, 21)
    start = text.index("[1")
    others = tuple(Alternative(*one) for one in [("[1\t]", 0.2), ("null", 0.3), ("[\t1]", 0.15), ('[1,"ü"]', 0.1)])
    one = fields.Field('[1\t\t,"ü"\t]', (start, start + 10), 0.1, 0.1, None, "list", others=others)
    found = closed_fields({"é": one}, text)["é"]
    assert (found.text, found.where) == ('[1,"ü"]', (5, 12))
    assert [other.text for other in found.others] == ["[1]", "null"] and found.others[0].prob == pytest.approx(0.35)
