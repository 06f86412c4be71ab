"""What stands in a text with other marks than it is asked for: words, labels, addresses and account numbers."""

import pytest

import ctrldiff as cd
from ctrldiff import JsonSchema
from ctrldiff.constraints.stated import stated_at
from ctrldiff.grounded import find

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


# text, labels: what is found, each (spelling, label).
LABELS = [
    ("status: in_progress", ["in_progress", "done"], [("in_progress", "in_progress")]),
    ("status: In-Progress", ["in_progress", "done"], [("In-Progress", "in_progress")]),
    ("STATUS: IN PROGRESS;", ["in_progress"], [("IN PROGRESS", "in_progress")]),
    ("next_day or next\nday", ["next day"], [("next_day", "next day"), ("next\nday", "next day")]),
    ("not_in_progress_yet", ["in_progress"], []),
    # Letters of two characters in another case, and marks that are part of a letter or stand behind it.
    ("Die Straße, STRASSE, Straßen", ["Straße"], [("Straße", "Straße"), ("STRASSE", "Straße")]),
    ("Großhandel", ["Großhandel", "Einzelhandel"], [("Großhandel", "Großhandel")]),
    ("weiß oder weiss", ["weiß"], [("weiß", "weiß"), ("weiss", "weiß")]),
    ("ein cafe\u0301 und", ["café", "cafe"], [("cafe\u0301", "café")]),
    ("ein CAFÉ", ["cafe\u0301"], [("CAFÉ", "cafe\u0301")]),
    ("हिन्दी", ["हिन", "हिन्दी"], [("हिन्दी", "हिन्दी")]),
    ("ACİL, KALDI", ["acil", "kaldı"], [("ACİL", "acil"), ("KALDI", "kaldı")]),
    ("\u1112\u1161\u11ab\u1100\u1173\u11af", ["한글"], [("\u1112\u1161\u11ab\u1100\u1173\u11af", "한글")]),
    ("it is ﬁne", ["fine"], [("ﬁne", "fine")]),
    ("Ex\u00adpress!", ["express"], [("Ex\u00adpress", "express")]),
    # Signs as on a keyboard and as in print.
    ("I don’t know, or don't know", ["don't know"], [("don’t know", "don't know"), ("don't know", "don't know")]),
    ("aged 18–25", ["18-25", "26-40"], [("18–25", "18-25")]),
    ("an e‑mail", ["e-mail"], [("e‑mail", "e-mail")]),
    # A sign at an end is part of a label, and no label ends before one.
    ("in C++", ["C", "C+"], []),
    ("in C++ and C, A+B", ["C", "C++", "A"], [("C++", "C++"), ("C", "C"), ("A", "A")]),
    ("A+ rating", ["A", "A+"], [("A+", "A+")]),
    ("grade: A-", ["A", "A-"], [("A-", "A-")]),
    ("grade: A", ["A", "A-"], [("A", "A")]),
    ("score −1, then 0 and 1", [-1, 0, 1], [("−1", -1), ("0", 0), ("1", 1)]),
    # A piece of a number is no label, a number with zeros behind it is.
    ("4.5 stars, 4,5 Sterne, .5", [1, 2, 3, 4, 5], []),
    ("4.0 or 3,00 stars, then 2.", [1, 2, 3, 4, 5], [("4.0", 4), ("3,00", 3), ("2", 2)]),
    ("4,5 and 2.50", [4.5, 2.5], [("4,5", 4.5), ("2.50", 2.5)]),
    ("2,500 units, 2,500,000, 12,34,567", [2, 12, 500], []),
    ("12.05.2024 at 5:12", [5, 12], []),
    ("lamp,2,19.90,39.80 and 1,2,3", [2, 19, 3], [("2", 2), ("2", 2), ("3", 3)]),
    ("version 1.0.2, 1.0", ["1.0", "2"], [("1.0", "1.0")]),
    ("true, 1", [True, 1], [("true", True), ("1", 1)]),
    # The longer of two on one line.
    ("not urgent, urgent", ["urgent", "not urgent"], [("not urgent", "not urgent"), ("urgent", "urgent")]),
    ("Paid: no\nanswer: 5", ["no", "no answer"], [("no\nanswer", "no answer"), ("no", "no")]),
]


@pytest.mark.parametrize(("text", "enum", "stated"), LABELS)
def test_a_label_is_found_in_its_own_spelling_and_not_in_a_piece_of_another(text, enum, stated):
    assert [(one.spelling, one.value) for one in find("label", text, enum=enum)] == stated


def test_a_spelling_of_a_label_is_found_as_it_is_given():
    found = find("label", "weiß", enum=["white"], spellings={"white": ["weiß"]})
    assert [one.value for one in found] == ["white"]
