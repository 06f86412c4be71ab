"""Spans against every substring of small documents, tried one by one."""

import json
import re
from typing import Annotated, Optional

import numpy as np
import pytest
from pydantic import BaseModel, Field, StringConstraints

import ctrldiff as cd
from ctrldiff.constraints import description
from ctrldiff.errors import (
    ConstraintError,
    ConstraintTooLarge,
    ConstraintUnsatisfiable,
    InputError,
    OutputInvalid,
    SchemaInvalid,
    SchemaUnsupported,
)
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.types.structured import output_type
from tests.conftest import VOCABULARY, blank, text, toy

ALPHABET = 'ab é€😀"\\\n\x01'


def documents(count, length=12):
    rng = np.random.default_rng(5)
    for _ in range(count):
        yield "".join(rng.choice(list(ALPHABET), rng.integers(0, length)))


def cuts_no_word(document, at):
    if at in (0, len(document)):
        return True
    return not (document[at - 1].isalnum() and document[at].isalnum())


def spans_by_trying_all(document, low=0, high=None, pattern=None, words=False):
    """Every pair of places. The definition of right."""
    found = set()
    for i in range(len(document) + 1):
        for j in range(i + low, len(document) + 1 if high is None else min(len(document), i + high) + 1):
            if words and not (cuts_no_word(document, i) and cuts_no_word(document, j)):
                continue
            if pattern is None or re.fullmatch(pattern, document[i:j]):
                found.add(document[i:j])
    return found


def members(description):
    return {member.decode("utf-8") for member in description.dfa().members()}


@pytest.mark.parametrize("words", [False, True])
@pytest.mark.parametrize("low, high", [(0, None), (1, None), (2, 4), (0, 0)])
def test_exactly_the_substrings_of_small_documents(words, low, high):
    for document in documents(40):
        got = members(cd.SpanOf(document, low, high, words=words))
        assert got == spans_by_trying_all(document, low, high, words=words), document


def test_a_pattern_is_matched_by_the_whole_span():
    pattern = r"[a-zé]+[^a]"
    for document in documents(60):
        assert members(cd.SpanOf(document, 0, pattern=pattern)) == spans_by_trying_all(document, pattern=pattern)


def test_a_repetitive_document_has_few_states():
    assert cd.SpanOf("ab" * 5_000).dfa().n_states <= 20_002
    assert members(cd.SpanOf("aaa")) == {"a", "aa", "aaa"}


def test_what_cannot_be_is_refused_with_a_way_out():
    with pytest.raises(ConstraintTooLarge):
        cd.SpanOf("ab" * 5_000).dfa(cd.Limits(max_states=1_000))
    with pytest.raises(ConstraintTooLarge):
        cd.SpanOf("ab" * 5_000).dfa(cd.Limits(max_bytes=1_000))
    with pytest.raises(ConstraintError, match="max_length"):
        cd.SpanOf("text", 3, 2)
    with pytest.raises(InputError, match="surrogate"):
        cd.SpanOf("a\ud800")


class Person(BaseModel):
    name: cd.Span
    short: Optional[cd.Span] = Field(max_length=3)  # noqa: UP045  (as users write it)
    digits: list[Annotated[cd.Span, Field(json_schema_extra={"pattern": "^[0-9]+$"})]] = Field(max_length=2)


SPAN = {"type": "string", "x-span": True}


def test_a_json_string_holds_exactly_the_spans_escaped():
    for document in documents(60):
        if document:
            spans = {json.dumps(span, ensure_ascii=False) for span in spans_by_trying_all(document, 1)}
            assert members(cd.JsonSchema(SPAN, document=document)) == spans
            short = {json.dumps(span, ensure_ascii=False) for span in spans_by_trying_all(document, 1, 2, "[a-b ]*")}
            limited = {**SPAN, "maxLength": 2, "pattern": "^[a-b ]*$"}
            try:
                assert members(cd.JsonSchema(limited, document=document)) == short
            except ConstraintUnsatisfiable:
                assert not short


def test_a_span_without_a_document_is_refused():
    with pytest.raises(SchemaUnsupported, match=r"document=text"):
        cd.JsonSchema(SPAN).dfa()
    with pytest.raises(ConstraintUnsatisfiable, match="empty document"):
        cd.JsonSchema(SPAN, document="").dfa()


class Inner(BaseModel):
    code: cd.Span = Field(pattern="^[A-Z]", max_length=3)
    word: Optional[Annotated[cd.Span, StringConstraints(strip_whitespace=True, min_length=2)]]  # noqa: UP045


class Outer(BaseModel):
    inner: Inner
    more: list[Inner] = Field(max_length=1)
    by_name: dict[str, Annotated[cd.Span, Field(pattern="[0-9]$")]] = Field(max_length=1)


def test_a_pattern_in_pydantics_words_is_honoured_and_the_value_stays_a_span():
    document = "AB 12 é Cd\t3"
    wanted = output_type(Outer, document=document)
    dfa, rng, seen = wanted.description.dfa(), np.random.default_rng(1), set()
    for _ in range(80):
        value = wanted.read(dfa.sample(rng, 200).decode("utf-8"))
        for one in (value.inner, *value.more):
            assert re.search("^[A-Z]", one.code) and len(one.code) <= 3
            assert one.word is None or one.word == one.word.strip()
            for span in (one.code, *([one.word] if one.word is not None else [])):
                assert type(span) is cd.Span and document[span.start : span.end] == span
        assert all(re.search("[0-9]$", span) and type(span) is cd.Span for span in value.by_name.values())
        seen.add(value.inner.code)
    spans = spans_by_trying_all(document, 1, 3, "[A-Z].*")
    assert seen <= spans and len(seen) > 3
    codes = output_type(list[Annotated[cd.Span, Field(pattern="^[A-Z]", max_length=3)]], document=document)
    assert all(
        (json.dumps([s], ensure_ascii=False) in codes.description) == (s in spans)
        for s in spans_by_trying_all(document, 1)
    )
    with pytest.raises(ConstraintError, match="to_upper"):
        output_type(Annotated[cd.Span, StringConstraints(to_upper=True)], document=document)


def test_a_bare_span_and_a_templates_hole_are_written_without_quotes():
    document = 'né "Ann" 12'
    bare = output_type(Annotated[cd.Span, Field(pattern="^[A-Z]", max_length=3)], document=document)
    assert members(bare.description) == {"A", "An", "Ann"} and bare.read("Ann").start == 4
    both = output_type(cd.Template("{a} <{b}>", a=cd.Span, b=list[cd.Span]), document=document)
    assert 'né "A <["12"]>' in both.description and "x <[]>" not in both.description
    assert both.read('"Ann <["12"]>') == {"a": '"Ann', "b": ["12"]}
    assert both.read('"Ann <["12"]>')["b"][0].start == 9
    answer = cd.from_pretrained("tiny")(document, cd.Template("Dear {a}!", a=cd.Span), steps=4)
    assert answer.output["a"] in document and answer.raw == f"Dear {answer.output['a']}!"


def test_a_document_or_keyword_that_is_none_is_a_typed_error():
    for document in ("a\ud800", 12):
        with pytest.raises(InputError, match="the document"):
            cd.JsonSchema(SPAN, document=document)
    with pytest.raises(SchemaInvalid, match="x-span"):
        cd.JsonSchema({"type": "string", "x-span": "words"}, document="a").dfa()
    with pytest.raises(InputError, match="surrogate"):
        cd.from_pretrained("tiny")("a\ud800", Person)


@pytest.mark.slow
def test_many_documents_do_not_fill_memory():
    rng = np.random.default_rng(0)
    for _ in range(40):
        cd.SpanOf("".join(rng.choice(list(map(chr, range(200, 400))), 10_000))).dfa()
    assert sum(dfa.table.nbytes for dfa in description._recent.values()) <= description._RECENT_BYTES


def test_values_know_where_they_first_stand():
    document = 'né "Ann" 12, née Ann 7'
    wanted = output_type(Person, document=document)
    rng = np.random.default_rng(0)
    dfa = wanted.description.dfa()
    for _ in range(50):
        value = wanted.read(dfa.sample(rng, 80).decode("utf-8"))
        for span in (value.name, *([value.short] if value.short is not None else []), *value.digits):
            assert type(span) is cd.Span and document[span.start : span.end] == span
            assert span.start == document.index(span)
        assert all(digits.isdigit() for digits in value.digits) and len(value.digits) <= 2
    assert wanted.read('{"name":"Ann","short":null,"digits":["12"]}').name.start == 4
    with pytest.raises(OutputInvalid, match="does not stand"):
        wanted.read('{"name":"Anne","short":null,"digits":[]}')
    assert cd.Span("free").start is None


@pytest.mark.parametrize("noise", ["mask", "uniform"])
def test_the_toy_models_write_only_spans(noise):
    document = "19-a00b7-9a"
    table = cd.SpanOf(document, 2).compile(VOCABULARY)
    for seed in range(5):
        denoiser = toy(noise, seed)
        state = sample(denoiser, blank(2, 8, seed=seed), constraint=Tables((table,) * 2))
        for row in range(2):
            written = text(state.tokens[row]).decode()
            assert len(written) >= 2 and written in document


def test_a_model_writes_spans_of_each_text():
    generator = cd.Generator(cd.from_pretrained("tiny"), Person, steps=8, max_new_tokens=64)
    texts = ['Ann said "yes" to 12 people\nin Zürich.', "Bob, 7, 9, went home."]
    for document, result in zip(texts, generator(texts), strict=True):
        for span in (result.output.name, *result.output.digits):
            assert type(span) is cd.Span and document[span.start : span.end] == span
    with pytest.raises(ConstraintTooLarge):
        cd.Generator(generator.model, Person, limits=cd.Limits(max_states=20))(texts)


@pytest.mark.parametrize(
    "how", [{"min_length": "2"}, {"min_length": 1.5}, {"min_length": -1}, {"max_length": "3"}, {"max_length": 0}]
)
def test_lengths_are_whole_numbers_in_order(how):
    with pytest.raises(ConstraintError, match="SpanOf: min_length="):
        cd.SpanOf("abc", **how)


def test_the_pattern_of_a_span_is_a_text():
    with pytest.raises(ConstraintError, match="the pattern is a Pattern, not a str"):
        cd.SpanOf("abc", pattern=re.compile("a"))
