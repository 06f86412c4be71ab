"""What strings say, as annotations of types and in schemas: the automaton agrees with pydantic's reading."""

import json
from itertools import product
from typing import Annotated

import pydantic
import pytest

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.constraints.blocking import DynamicBlocking
from ctrldiff.constraints.content import Avoids, Contains
from ctrldiff.constraints.description import Description
from ctrldiff.constraints.keyword import described, in_words
from ctrldiff.constraints.length import Length
from ctrldiff.errors import ConstraintError, SchemaInvalid
from ctrldiff.json_schema import JsonSchema
from ctrldiff.types.instruction import words_of
from ctrldiff.types.structured import output_type

TEXTS = ["".join(one) for n in range(5) for one in product('ab "', repeat=n)]
SAID = [
    Contains("a"),
    Contains(["a", Regex('b"')], 1, 2, ascii=True),
    Avoids("A", ignore_case=True),
    Avoids(Regex('"b?'), words=False),
    Length(characters=(2, 3), words=(0, 1)),
    Length(sentences=1, ascii=True),
    DynamicBlocking("a b a", share=1.0),
]


@pytest.mark.parametrize("said", SAID, ids=str)
def test_a_type_and_its_reading_agree_on_every_text(said):
    class Note(pydantic.BaseModel):
        text: Annotated[str, said]

    class Notes(pydantic.BaseModel):
        texts: list[Annotated[str, said] | None]

    language, many = output_type(Note).description, output_type(Notes).description
    bare = output_type(Annotated[str, said]).description
    for text in TEXTS:
        document = JsonSchema.canonical(language, {"text": text})
        good = text in said
        assert (document in language) == good and (text in bare) == (good and text != "")
        assert (JsonSchema.canonical(many, {"texts": [None, text]}) in many) == good
        if good:
            assert Note.model_validate_json(document).text == text
        else:
            with pytest.raises(pydantic.ValidationError):
                Note.model_validate({"text": text})


@pytest.mark.parametrize("said", SAID, ids=str)
def test_what_a_schema_says_is_what_was_said(said):
    assert described(json.loads(json.dumps([said.as_keyword()])), "#") == said


def test_several_annotations_all_hold():
    wanted = output_type(Annotated[str, Contains("a"), Length(words=2), pydantic.Field(max_length=3)]).description
    assert isinstance(wanted, Description)
    assert [text for text in TEXTS if text in wanted] == [
        text for text in TEXTS if text in Contains("a") & Length(words=2, characters=(1, 3))
    ]


def test_a_prompt_says_it_in_words():
    said = [Contains(["a", Regex("b+")]), Contains("c", 2, 3), Avoids("d"), Length(words=(2, None), sentences=1)]
    assert in_words([one.as_keyword() for one in said]) == (
        'with "a" or b+, with "c" 2 to 3 times, without "d", at least 2 words, 1 sentences'
    )

    class Note(pydantic.BaseModel):
        text: Annotated[str, Contains("a"), pydantic.Field(description="what it says")]

    words = words_of(output_type(Note), "described")["schema"]()
    assert 'what it says (with \\"a\\")' in words and "x-text" not in words


@pytest.mark.parametrize(
    "wrong",
    [[], "a", [{}], [{"contains": "a", "avoids": "b"}], [{"contains": ""}], [{"contains": "a", "most": 1}]]
    + [
        [{"length": {"tokens": 3}}],
        [{"length": {"words": [2, 1]}}],
        [{"length": 3}],
        [{"blocks": [1]}],
        [{"avoids": 3}],
    ],
    ids=str,
)
def test_a_keyword_that_says_nothing_is_refused(wrong):
    with pytest.raises(SchemaInvalid, match="x-text"):
        JsonSchema({"type": "object", "properties": {"a": {"type": "string", "x-text": wrong}}}).dfa()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Annotated[int, Contains("1")],
        lambda: Annotated[str | None, Contains("1")],
        lambda: Annotated[str, Length(tokens=3)],
        lambda: Annotated[str, DynamicBlocking([1, 2])],
        lambda: Annotated[str, Contains(Choice(["a"]))],
    ],
    ids=[str(n) for n in range(5)],
)
def test_an_annotation_that_cannot_be_kept_is_refused(wrong):
    with pytest.raises(ConstraintError):
        output_type(list[wrong()])
