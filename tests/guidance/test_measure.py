"""What counts as damage, and that a point of the table is measured: `examples/guidance`."""

import pytest

import ctrldiff as cd
from examples.guidance.damage import damage, lexicon
from examples.guidance.measure import SUBJECTS, Point, measure, table
from examples.train_tiny.reviews import ASPECTS, BAD, GOOD
from examples.train_tiny.values import PRODUCT_NOUNS, PRODUCT_WORDS

PROMPT = "Write a review of the harmonica."
KNOWN = frozenset("the is bad and awful i want a refund it".split())


@pytest.mark.parametrize(
    "text, wrong",
    [
        ("The harmonica is bad. I want a refund.", ()),
        ("The harmonica is bad and awful.", ()),
        ("The harmonica is bad and bad.", ("doubled",)),
        ("The the harmonica is bad.", ("doubled",)),
        ("The harmonica is bad..", ("doubled", "form")),
        ("The harmoni is bad.", ("unknown",)),
        ("the harmonica is bad.", ("form",)),
        ("The harmonica is bad", ("form",)),
        ("The harmonica is bad.I want a refund.", ("form",)),
        ("", ("form",)),
    ],
)
def test_what_is_damaged(text, wrong):
    assert damage(text, PROMPT, KNOWN) == wrong


def test_the_lexicon_has_the_words_of_the_reviews_and_the_subjects_are_none_of_their_products():
    known = lexicon(texts=600)
    assert known >= {*GOOD, *BAD, *ASPECTS} and len(SUBJECTS) == len(set(SUBJECTS)) == 50
    assert not set(SUBJECTS) & {*PRODUCT_NOUNS, *PRODUCT_WORDS}


def test_a_point_is_a_line_of_the_table():
    model = cd.from_pretrained()
    words = Point("words", 14.0, "mention", [cd.guide.Words(["battery"], 14.0)])
    line = measure(words, model, lambda text: 0.0, lexicon(texts=200), 2)
    assert line["n"] == len(line["texts"]) == 2 and 0 <= line["wanted"] <= 1 and line["log_prob"] < 0 < line["passes"]
    assert line["mentions"] == sum(text.lower().count("battery") for text in line["texts"]) / 2
    assert table([line]).splitlines()[-1].startswith("| words | 14 | 2 |")
