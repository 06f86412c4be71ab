"""What a model is told: templates and their places, examples, conversations; and how a type is said in a sentence."""

import json
import shutil
from datetime import date
from enum import Enum
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field

import ctrldiff as cd
from ctrldiff.errors import CtrldiffError, InputError, ModelError, PromptTooLong
from ctrldiff.models.prompt import filled
from ctrldiff.types.instruction import example_text, instruction, schema_text
from ctrldiff.types.spell import spell
from ctrldiff.types.structured import output_type
from tests.conftest import named

TEXT = "Order 5512 for Maria Jensen: 3 desk lamps, 12.50 EUR."
TURNS = (
    "{% for m in messages %}<bos>{{ m['role'] }}: {{ m['content'] | trim }}<eos>{% endfor %}"
    "{% if add_generation_prompt %}<bos>assistant: {% if think %}<ask>{% endif %}{% endif %}"
)


class Kind(Enum):
    ORDER = "order"
    BILL = "bill"


class Line(BaseModel):
    title: str
    quantity: int = Field(ge=1)


class Order(BaseModel):
    """An order."""

    number: str = Field(description="as printed", pattern="[0-9]{4}")
    customer: str | None = None
    kind: Kind
    day: date | None
    lines: list[Line]


class Short(BaseModel):
    customer: str
    total: float | None


@pytest.fixture(scope="module")
def chat_folder(tmp_path_factory) -> Path:
    """The model in the box, as a chat model."""
    from transformers import PreTrainedTokenizerFast

    box = Path(cd.__file__).parent / "models" / "tiny"
    folder = tmp_path_factory.mktemp("chat") / "chat"
    shutil.copytree(box, folder)
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(box / "tokenizer.json"), eos_token="<eos>")
    tokenizer.chat_template = TURNS
    tokenizer.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    for name in ("prompt", "ask", "canvas"):
        del config["ctrldiff"][name]
    config["ctrldiff"]["context"] = 2000
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="module")
def model() -> cd.Model:
    return cd.from_pretrained("tiny")


@pytest.fixture(scope="module")
def chat(chat_folder) -> cd.Model:
    return cd.from_pretrained(chat_folder)


class Watch:
    """A model that notes the prompts it is shown, and forwards them if it may."""

    def __init__(self, model: cd.Model, forwards: bool = True) -> None:
        from dataclasses import replace

        self.prompts: list[str] = []
        self.forwards, self.loaded = forwards, model.loaded
        inner, outer = model.loaded.denoiser, self

        class Denoiser:
            vocabulary = model.vocabulary

            def __getattr__(self, name):
                return getattr(inner, name)

            def __call__(self, state):
                assert outer.forwards, "forwarded"
                outer.prompts += [outer.loaded.tokenizer.decode(ids.tolist()) for ids in state.prompt]
                return inner(state)

        self.model = cd.Model(replace(model.loaded, denoiser=Denoiser()))


def prompt_of(model: cd.Model, text, output, **how) -> str:
    """The first prompt that a call shows the network."""
    watch = Watch(model)
    watch.model(text, output, **how)
    return watch.prompts[0]


# ---- a type in a sentence


def test_a_schema_is_said_with_descriptions_labels_and_nulls_and_without_noise():
    said = json.loads(schema_text(output_type(Order)))
    assert said["properties"]["number"] == {"description": "as printed", "type": "string", "pattern": "[0-9]{4}"}
    assert said["properties"]["customer"] == {"type": ["string", "null"]}
    assert said["properties"]["day"] == {"format": "date", "type": ["string", "null"]}
    assert said["$defs"]["Kind"] == {"enum": ["order", "bill"], "type": "string"}
    assert "title" in said["$defs"]["Line"]["properties"], "a key of that name is no title"
    assert "title" not in said and said["description"] == "An order."


@pytest.mark.parametrize(
    "wanted",
    [
        Order,
        Short,
        list[Line],
        {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 4, "multipleOf": 2}}},
        {"type": "array", "items": {"type": "string", "minLength": 9, "pattern": "^[a-c]+$"}, "minItems": 2},
        {"type": "object", "properties": {"at": {"type": "string", "format": "ipv4"}}, "required": ["at"]},
        {"type": "object", "properties": {"x": {"$ref": "#"}, "y": {"const": 5}}, "required": ["y"]},
        {"oneOf": [{"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}, {"type": "null"}]},
        {"type": "string", "examples": ["one of its own"]},
        True,
        int,
        Literal["a", "b"],
    ],
    ids=named,
)
def test_an_example_is_legal(wanted):
    type_ = output_type(wanted)
    example = example_text(type_)
    assert example in type_.description
    assert example in instruction(type_) or "Answer with a" in instruction(type_) or type_.labels


def test_an_example_shows_every_key_and_looks_made_up():
    assert json.loads(example_text(output_type(Order))) == {
        "number": "0000",
        "customer": "...",
        "kind": "order",
        "day": "2024-05-31",
        "lines": [{"title": "...", "quantity": 1}],
    }


@pytest.mark.parametrize(
    ("wanted", "ask", "expected"),
    [
        (str, None, ""),
        (str, "summary", "Answer with this, and nothing else: summary"),
        (int, "total", "Answer with a whole number for total, and nothing else."),
        (date | None, "due", "Answer with a date (YYYY-MM-DD), or null, for due, and nothing else."),
        (bool, None, "Answer with one of these, and nothing else: true | false"),
        (Literal["good", "bad"], "mood", "Answer with one of these for mood, and nothing else: good | bad"),
        (cd.Score(1, 3), None, "Answer with one of these, and nothing else: 1 | 2 | 3"),
        (cd.YesNo(), "paid", "Answer with one of these for paid, and nothing else: yes | no"),
        (cd.Regex("[A-Z]+"), None, "Answer with a text that matches this regular expression, and nothing else: [A-Z]+"),
        (
            cd.Template("{{Dear}} {name}, {sum}", name=cd.Regex("[a-z]+"), sum=int),
            None,
            "Answer with this text, its braces filled in, and nothing else:\n{Dear} {name}, {sum:int}",
        ),
        (cd.Span, "name", "Answer with a passage of the text for name, copied as it stands, and nothing else."),
    ],
)
def test_a_type_is_said_in_a_sentence(wanted, ask, expected):
    assert instruction(output_type(wanted, ask=ask)) == expected


def test_a_sentence_about_an_object_holds_its_schema_and_an_example():
    type_ = output_type(Short)
    said = instruction(type_)
    assert schema_text(type_) in said and example_text(type_) in said and "JSON" in said


# ---- templates


def test_places_with_nothing_to_say_take_their_line_with_them():
    template = "{text}\n\nLike this:\n{example}\nIn this form: {ask} [{x}]"
    words = {"example": lambda: "", "ask": lambda: "{text}"}
    assert "".join(piece for piece, _ in filled(template, "T", words)) == "T\nIn this form: {text} [{x}]"
    assert filled("{text}{schema}", "", {"schema": lambda: ""}) == []


@pytest.mark.parametrize("prompt", ["no place", "{text} {shema}", "{text} {instructions}", 5])
def test_a_template_that_would_lose_something_is_refused(prompt):
    with pytest.raises(InputError, match=r"\{(text|schema|instruction)\}"):
        cd.Request("a", str, prompt=prompt)
    assert cd.Request("a", str, prompt='{text} as {"a": {value}}').prompt


def test_the_model_in_the_box_is_asked_as_it_was_trained(model):
    watch = Watch(model)
    watch.model([TEXT], Short)
    assert set(watch.prompts) == {f"<bos>{TEXT}<ask>{{customer,total:number}}<answer>"}
    assert model.loaded.spec.prose is None and model.loaded.spec.canvas == 48


def test_a_prompt_of_ones_own_on_a_model_without_turns_is_the_whole_of_it(model):
    assert prompt_of(model, "x 5", int, prompt="<bos>{text}<ask>{schema}<answer>") == (
        '<bos>x 5<ask>{"type": "integer"}<answer>'
    )


def test_a_chat_model_is_told_the_schema_and_an_example(chat):
    type_ = output_type(Short)
    assert prompt_of(chat, TEXT, Short) == f"<bos>user: {TEXT}\n\n{instruction(type_)}<eos><bos>assistant: "
    assert prompt_of(chat, TEXT, str) == f"<bos>user: {TEXT}<eos><bos>assistant: "


def test_a_prompt_of_ones_own_is_what_the_user_of_a_chat_says(chat):
    said = prompt_of(chat, "<eos>x", Short, prompt="Read {text}\nlike {example}\n{ask}<eos>")
    assert said == (
        '<bos>user: Read <eos>x\nlike {"customer":"...","total":0}\n{customer,total:number|null}<eos><eos>'
        "<bos>assistant: "
    )
    ids = chat.loaded.prompt_ids("<eos>", "", template="{text}<eos>")
    assert ids.count(chat.loaded.spec.stop_ids[0]) == 1, "what the user says cannot end the turn"


def test_turns_and_arguments_of_the_chat_template_belong_to_the_model(chat_folder):
    told = cd.from_pretrained(chat_folder, turn="{text}\n{ask}", chat_template_kwargs={"think": True})
    assert prompt_of(told, TEXT, int, ask="total") == f"<bos>user: {TEXT}\ntotal:int<eos><bos>assistant: <ask>"
    with pytest.raises(InputError, match="text"):
        cd.from_pretrained(chat_folder, turn="Answer me.")
    for how in ({"turn": "{text}"}, {"chat_template_kwargs": {"a": 1}}, {"system": "x"}):
        with pytest.raises(ModelError, match="chat template"):
            cd.from_pretrained("tiny", **how, prompt="{text}")


def test_a_long_list_of_labels_is_cut_where_it_would_leave_no_room(chat_folder):
    small = cd.from_pretrained(chat_folder, context=320)
    names = tuple(f"label number {n}" for n in range(300))
    said = prompt_of(small, TEXT, cd.Choice(names))
    assert "label number 1 |" in said and said.count("label") < 60 and "| ..." in said


# ---- examples


def test_examples_are_turns_of_a_chat(chat):
    shots = [("2 cups for Bo", {"total": None, "customer": "Bo"}), ("<eos>", Short(customer="X", total=2))]
    said = prompt_of(chat, TEXT, Short, examples=shots)
    asked = instruction(output_type(Short))
    assert said == (
        f'<bos>user: 2 cups for Bo\n\n{asked}<eos><bos>assistant: {{"customer":"Bo","total":null}}<eos>'
        f'<bos>user: <eos>\n\n{asked}<eos><bos>assistant: {{"customer":"X","total":2}}<eos>'
        f"<bos>user: {TEXT}\n\n{asked}<eos><bos>assistant: "
    )


def test_examples_of_a_model_without_turns_are_prompts_with_answers(model):
    said = prompt_of(model, "c 3", int, examples=[("a 1", 1), ("b 2", 2)])
    assert said == "<bos>a 1<ask>int<answer>1<eos><bos>b 2<ask>int<answer>2<eos><bos>c 3<ask>int<answer>"


@pytest.mark.parametrize(
    ("wanted", "value", "text"),
    [
        (Order, {"number": "5512", "kind": Kind.BILL, "day": date(2024, 5, 3), "lines": []}, None),
        (Kind, Kind.ORDER, "order"),
        (date, date(2024, 5, 3), "2024-05-03"),
        (float, 12.5, "12.5"),
        (bool, True, "true"),
        (cd.YesNo(), False, "no"),
        (cd.Score(1, 5), 4, "4"),
        (cd.Regex("[a-c]+"), "abc", "abc"),
        (cd.Template("{a}-{b}", a=int, b=cd.Choice(["x", "y"])), {"a": 5, "b": "x"}, "5-x"),
        ({"type": "object", "properties": {"a": {}, "b": {}}, "required": ["b"]}, {"b": 1, "a": 2}, '{"a":2,"b":1}'),
        (list[int], [1, 2], "[1,2]"),
        (str, "plain", "plain"),
    ],
    ids=named,
)
def test_a_value_is_spelled_as_it_would_be_read(wanted, value, text):
    type_ = output_type(wanted)
    spelled = spell(type_, value, "it")
    assert spelled in type_.description and text in (None, spelled)
    assert spell(type_, type_.read(spelled), "it") == spelled


@pytest.mark.parametrize(
    ("wanted", "value"),
    [
        (int, "many"),
        (Short, {"customer": "x"}),
        (Order, {"number": "12"}),
        (Literal["a"], "b"),
        (cd.Regex("[a-c]"), "d"),
        (cd.Template("{a}", a=int), {}),
        (cd.Score(1, 5), 6),
        (Short, object()),
    ],
    ids=named,
)
def test_a_value_that_the_type_does_not_have_is_refused_before_any_work(model, wanted, value):
    watch = Watch(model, forwards=False)
    with pytest.raises(InputError, match="example 1"):
        cd.Generator(watch.model, wanted, examples=[*good(wanted), ("t", value)])
    with pytest.raises(InputError, match="example 1"):
        list(watch.model.decode([cd.Request(TEXT, wanted, examples=[*good(wanted), ("t", value)])]))


def good(wanted):
    type_ = output_type(wanted)
    text = type_.description.dfa().shortest().decode()
    return [("t", type_.read(text))]


def test_the_examples_of_spans_stand_in_their_own_texts(model):
    class Who(BaseModel):
        name: cd.Span

    assert '"Bo"' in prompt_of(model, "for Al", Who, examples=[("for Bo", {"name": "Bo"})])
    with pytest.raises(InputError, match="example 0"):
        model("for Al", Who, examples=[("for Bo", {"name": "Al"})])


def test_what_is_read_out_of_a_text_is_said_as_json_and_its_examples_stand_in_their_own_texts(model):
    schema = {"type": "object", "properties": {"due": {"x-from-text": "date"}, "sum": {"x-from-text": "money"}}}
    said = json.loads(schema_text(output_type(schema)))["properties"]
    assert said["due"] == {"description": "as the text states it", "type": "string", "format": "date"}
    assert said["sum"]["properties"]["currency"] == {"type": "string"} and "x-from-text" not in said["sum"]
    assert json.loads(example_text(output_type(schema)))["due"] == "2024-05-31"
    shots = [("5 EUR on 3 May 2024", {"due": "2024-05-03", "sum": {"amount": 5, "currency": "EUR"}})]
    assert '"due":"2024-05-03"' in prompt_of(model, "6 EUR on 4 May 2024", schema, examples=shots)
    with pytest.raises(InputError, match="example 0"):
        model("6 EUR on 4 May 2024", schema, examples=[("5 EUR on 3 May 2024", {"due": "2024-05-04"})])


@pytest.mark.parametrize("examples", ["ab", [("a",)], [(1, 2)], {"a": 1}, 5, ["ab"]])
def test_what_is_no_list_of_pairs_is_refused(examples):
    with pytest.raises(InputError, match="example"):
        cd.Request("a", str, examples=examples)


# ---- conversations

TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello <eos>"},
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": [{"type": "text", "text": "3 lamps for "}, {"type": "text", "text": "Bo"}]},
]


def test_a_conversation_is_a_text(chat, chat_folder):
    asked = instruction(output_type(int))
    said = prompt_of(chat, TALK, int)
    assert said == (
        "<bos>system: Be brief.<eos><bos>user: Hello <eos><eos><bos>assistant: Yes?<eos>"
        f"<bos>user: 3 lamps for Bo\n\n{asked}<eos><bos>assistant: "
    )
    other = cd.from_pretrained(chat_folder, system="Be kind.")
    assert prompt_of(other, TALK, int) == said, "a conversation's own system message goes first"
    assert prompt_of(other, TALK[1:], int).startswith("<bos>system: Be kind.<eos><bos>user: Hello")


def test_examples_come_behind_the_system_message(chat):
    said = prompt_of(chat, [TALK[0], TALK[-1]], int, examples=[("2 cups", 2)])
    order = [said.index(part) for part in ("Be brief.", "2 cups", "assistant: 2<eos>", "3 lamps")]
    assert order == sorted(order)


def test_texts_and_conversations_share_a_batch(chat):
    found = chat([TEXT, TALK, [TALK[-1]]], Short, batch_size=3, steps=3)
    alone = [chat(one, Short, steps=3) for one in (TEXT, TALK, [TALK[-1]])]
    assert [one.raw for one in found] == [one.raw for one in alone]
    requests = [cd.Request(TALK, int), cd.Request(TEXT, Short, examples=[("a", Short(customer="a", total=1))])]
    requests += [cd.Request(TEXT, str, prompt="{text}!", max_new_tokens=8), cd.Request(TALK, cd.Choice(["a", "b"]))]
    outcomes = list(chat.decode(requests, plan=cd.Plan.default(steps=3)))
    assert isinstance(outcomes[0].output, int) and isinstance(outcomes[1].output, Short) and len(outcomes) == 4


@pytest.mark.parametrize("readout", ["product", "letters", "elbo"])
def test_what_labels_of_a_conversation_are_divided_by_is_its_own(chat, readout):
    talks = [[TALK[-1]], TALK, [{"role": "system", "content": "All is good."}, TALK[-1]]]
    how = {"readout": readout, "against": "N/A"}
    together = cd.Generator(chat, cd.Choice(["good", "bad"]), **how)(talks)
    for talk, one in zip(talks, together):
        assert one.probs == pytest.approx(chat(talk, cd.Choice(["good", "bad"]), **how).probs, abs=1e-5)


def test_guides_with_prompts_of_their_own_know_a_conversation(chat):
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 4}}, "required": ["a"]}
    alone = cd.guide.on_field("a", cd.guide.Alone("Say it."))
    for output, guide in ((cd.Regex("[a-z]{3}"), cd.guide.NegativePrompt("Be bad.")), (schema, alone)):
        chat(TALK, output, guidance=[guide], steps=2)
        chat([TALK, TEXT], output, guidance=[guide], steps=2)
    named = cd.Choice([f"label number {n}" for n in range(300)])
    small = cd.from_pretrained(chat.loaded.folder, context=320)
    assert small(TEXT, named, guidance=[cd.guide.NegativePrompt("Be bad.")], steps=1).raw in named


@pytest.mark.parametrize("guide", [cd.guide.NegativePrompt("bad " * 900), cd.guide.Alone("bad " * 900)])
def test_another_prompt_has_to_fit_the_context(model, guide):
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 4}}, "required": ["a"]}
    with pytest.raises(PromptTooLong, match="another prompt") as caught:
        model(TEXT, schema, guidance=[cd.guide.on_field("a", guide)])
    assert caught.value.prompt > model.loaded.spec.context


def test_spans_of_a_conversation_stand_in_what_was_said(chat):
    class Who(BaseModel):
        name: cd.Span

    assert chat(TALK, Who).output.name in "Hello <eos>\n\nYes?\n\n3 lamps for Bo"


@pytest.mark.parametrize(
    "talk",
    [
        [{"role": "user"}],
        [{"content": "a"}],
        [{"role": "user", "content": [{"type": "image"}]}],
        [*TALK, {"role": "assistant", "content": "so"}],
        [{"role": "user", "content": "\ud800"}],
    ],
)
def test_what_is_no_conversation_is_refused(chat, talk):
    with pytest.raises(CtrldiffError, match="message"):
        chat(talk, int)


def test_a_conversation_needs_a_chat_template(model, chat_folder):
    with pytest.raises(InputError, match="chat template"):
        model(TALK, int)
    with pytest.raises(InputError, match="prompt="):
        cd.from_pretrained(chat_folder, prompt="{text}")(TALK, int)


# ---- canvases


def test_a_chat_model_has_room_for_prose(chat, model):
    assert chat.loaded.spec.prose == 128
    assert cd.Generator(chat, str).check("Say") >= 128 > cd.Generator(model, str).check("Say")
    assert cd.Generator(chat, int).check("Say") < 60, "a number has an end"
