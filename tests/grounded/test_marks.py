"""What stands in a text with other marks than it is asked for: words, labels, addresses and account numbers."""

import pytest

import ctrldiff as cd
from ctrldiff import JsonSchema
from ctrldiff.constraints.stated import stated_at

# text: words that stand in it uncut, and pieces of it that cut one.
WORDS = {
    "un cafe\u0301 noir": (["cafe\u0301", "un cafe\u0301"], ["cafe", "\u0301", "\u0301 noir"]),
    "हिन्दी भाषा": (["हिन्दी", "भाषा"], ["हिन", "हिन्", "दी", "भाष"]),
    "نص عَرَبِيّ": (["عَرَبِيّ"], ["عَر", "عَرَبِي"]),
    "می\u200cخواهم رفت": (["می\u200cخواهم"], ["می", "خواهم"]),
    "Ver\u00adtrag 5": (["Ver\u00adtrag", "5"], ["Ver", "trag"]),
    "❤\ufe0fx, \u0301y": (["x", "❤\ufe0f", "❤\ufe0fx", "y"], []),
}


@pytest.mark.parametrize("text", WORDS)
def test_no_word_is_cut_at_the_marks_on_its_letters(text):
    uncut, cut = WORDS[text]
    span = cd.SpanOf(text, words=True)
    schema = JsonSchema({"type": "string", "x-from-text": "text"}, document=text)
    for words in uncut:
        assert words in span and f'"{words}"' in schema and stated_at("text", {}, words, text)
    for words in cut:
        assert words not in span and f'"{words}"' not in schema and not stated_at("text", {}, words, text)
