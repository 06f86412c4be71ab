"""Spans against every substring of small documents, tried one by one."""

import re

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.errors import ConstraintError, ConstraintTooLarge, InputError

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
