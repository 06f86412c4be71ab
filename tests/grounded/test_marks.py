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


URLS = {
    # The quotation marks of other languages are no part of an address.
    "„https://example.org“": ["https://example.org"],
    "“https://example.org/a”, «www.foo.de/x» ‹foo.com/y›": ["https://example.org/a", "www.foo.de/x", "foo.com/y"],
    "‘https://example.org/a’, https://example.org…": ["https://example.org/a", "https://example.org"],
    "「https://example.org/日本」と https://example.org/a。次": ["https://example.org/日本", "https://example.org/a"],
    "https://fr.wikipedia.org/wiki/L’Équipe": ["https://fr.wikipedia.org/wiki/L’Équipe"],
    # Nor is the next field, but a comma may be.
    "1,https://a.org/x,foo": ["https://a.org/x"],
    "1;https://a.org/x,y;foo.com;3": ["https://a.org/x,y", "foo.com"],
    "https://a.org,https://b.org;www.c.de": ["https://a.org", "https://b.org", "www.c.de"],
    "see https://example.org/a,b now": ["https://example.org/a,b"],
    "http://[::1]/x and http://[2001:db8::1]:80": ["http://[::1]/x", "http://[2001:db8::1]:80"],
    "[https://x.org/a](https://x.org/b_(c))": ["https://x.org/a", "https://x.org/b_(c)"],
    "https://x.org/a[1] https://x.org/?a[]=1&b[c]=2": ["https://x.org/a", "https://x.org/?a[]=1&b[c]=2"],
    "http://... and http:// and https://x": [],
}
IBANS = {
    "BE68 5390 0754 7034": ["BE68539007547034"],
    "DE89  3704  0044  0532  0130  00": ["DE89370400440532013000"],
    "DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00": ["DE89370400440532013000"],
    "DE89\t3704\t0044\t0532\t0130\t00": ["DE89370400440532013000"],
    "DE89-3704-0044-0532-0130-00.": ["DE89370400440532013000"],
    "DE 89 3704.0044.0532.0130.00": ["DE89370400440532013000"],
    "DE89 3704 0044\n   0532 0130 00\n12.50 EUR": ["DE89370400440532013000"],
    "IBAN_DE89370400440532013000": ["DE89370400440532013000"],
    "BE68 5390 0754 7035, DE89 3704 0044 0532 0130": [],
}
PHONES = [
    # Dates, times, addresses of machines, amounts and years are no telephone numbers, in whatever region.
    *(
        (text, region, [])
        for region in (None, "DE", "US", "FR")
        for text in (
            "2024-05-03T15:30:00Z",
            "Fri, 3 May 2024 15:30:00",
            "Date: Sun, 03 Mar 2024 14:05:22 -0500 (EST)",
            "20240303T140522+0100, 20240303",
            "3. Mai 2024, 15:30 Uhr",
            '127.0.0.1 - - [10/Oct/2023:13:55:36 -0700] "GET / HTTP/1.0"',
            "192.168.0.100",
            "1 234.50, 1.234.567, 1 500 000, 12.345.678, 0.000001",
            "2024-05, 2020 - 2024, May 2024 15 people",
            "5 lamps of 1250,00 in room 12345",
            "4111 1111 1111 1111",
        )
    ),
    # The stroke stands between two numbers, or in one.
    ("10115 / 030 1234567", None, ["0301234567"]),
    ("10115 / 030 1234567", "DE", ["+49301234567"]),
    ("030 901820 / 0171 1234567", "DE", ["+4930901820", "+491711234567"]),
    ("030 / 901820", "DE", ["+4930901820"]),
    ("030 12-11-20", None, ["030121120"]),
    ("0171 12-11-20", "DE", ["+49171121120"]),
    ("+49 30 12-11-20 at 15:30", None, ["+4930121120"]),
    ("(555) 123-4567, 555-123-4567", "US", ["+15551234567", "+15551234567"]),
    ("06 12 34 56 78", "FR", ["+33612345678"]),
    ("912 345 678", "ES", ["+34912345678"]),
    ("20.30.40.50", "DK", ["+4520304050"]),
    ("on 3 May 2024 call 555-0199, 212-555-0199", None, ["5550199", "2125550199"]),
    ("901820", "DE", ["901820"]),
]


@pytest.mark.parametrize("text", URLS)
def test_a_web_address_ends_where_it_ends(text):
    assert [one.value for one in find("url", text)] == URLS[text]


@pytest.mark.parametrize("text", IBANS)
def test_an_iban_is_found_in_whatever_groups(text):
    assert [one.value for one in find("iban", text)] == IBANS[text]


@pytest.mark.parametrize(("text", "region", "stated"), PHONES)
def test_a_telephone_number_is_no_date_and_no_amount(text, region, stated):
    options = {"region": region} if region else {}
    assert [one.value for one in find("phone", text, **options)] == stated
