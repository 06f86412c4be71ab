"""What texts state, kind by kind: the spelling that is found, and what it means."""

from decimal import Decimal

import pytest

from ctrldiff.errors import ConstraintTooLarge, SchemaInvalid
from ctrldiff.grounded import find
from ctrldiff.grounded.kinds import KINDS

# text: every (spelling, value) that is found, in the order of the text.
DATES = {
    "issued the 14th of April 2025.": [("14th of April 2025", "2025-04-14")],
    "due 12/08/24": [("12/08/24", "2024-08-12"), ("12/08/24", "2024-12-08")],
    "den 14. April 2025": [("14. April 2025", "2025-04-14")],
    "le 1er mars 2024": [("1er mars 2024", "2024-03-01")],
    "el 14 de abril de 2025": [("14 de abril de 2025", "2025-04-14")],
    "14 kwietnia 2025 r.": [("14 kwietnia 2025", "2025-04-14")],
    "2025. április 14.": [("2025. április 14", "2025-04-14")],
    "2025年4月14日": [("2025年4月14日", "2025-04-14")],
    "2025-04-14T10:00:00Z": [("2025-04-14", "2025-04-14")],
    "DTSTART:20250414T100000Z": [("20250414", "2025-04-14")],
    "3-5 March 2026": [("3-5 March 2026", "2026-03-03"), ("5 March 2026", "2026-03-05")],
    "28 February to 3 March 2026": [
        ("28 February to 3 March 2026", "2026-02-28"),
        ("3 March 2026", "2026-03-03"),
    ],
    "Apr 14th, '25": [("Apr 14th, '25", "2025-04-14")],
    "on the twenty-first of May 1984": [("twenty-first of May 1984", "1984-05-21")],
    "Tue Mar  3 14:05:22 2026": [("Mar  3 14:05:22 2026", "2026-03-03")],
    "14.04.2025": [("14.04.2025", "2025-04-14")],
    "04.14.2025": [("04.14.2025", "2025-04-14")],
    "14/IV/2025": [("14/IV/2025", "2025-04-14")],
    "14.04.'25": [("14.04.'25", "2025-04-14")],
    "JAN-05-2026": [("JAN-05-2026", "2026-01-05")],
    "June 3 - July 5, 2026": [("June 3 - July 5, 2026", "2026-06-03"), ("July 5, 2026", "2026-07-05")],
    "14 fevrier 2025": [("14 fevrier 2025", "2025-02-14")],
    # A year that is not stated, a day that is not there, numbers that are no date.
    "on 14 March at 15:00": [],
    "31/02/2025 or 31 February 2025": [],
    "12 May 30 people came": [],
    "192.168.10.12, version 1.2.3.4": [],
}
NUMBERS = {
    "1.250,00": [("1.250,00", "1250")],
    "1,250.00": [("1,250.00", "1250")],
    "2,500": [("2,500", "2500"), ("2,500", "2.5")],
    "12 480.00": [("12 480.00", "12480"), ("12", "12"), ("480.00", "480")],
    "1'250.50": [("1'250.50", "1250.5")],
    "12,34,567.00": [("12,34,567.00", "1234567")],
    "2 dozen": [("2 dozen", "24"), ("2", "2")],
    "one and a half, 2 and a half": [("one and a half", "1.5"), ("one", "1"), ("2 and a half", "2.5"), ("2", "2")],
    "a hundred and one": [("hundred and one", "101")],
    "half a dozen": [("half a dozen", "6")],
    "a fiver": [("fiver", "5")],
    "two hundred and fifty": [("two hundred and fifty", "250")],
    "vingt et un": [("vingt et un", "21")],
    "1,2 Mio.": [("1,2 Mio.", "1200000"), ("1,2", "1.2")],
    "at -5 degrees": [("-5", "-5"), ("5", "5")],
    "2½ cups": [("2½", "2.5"), ("2", "2")],
    "INV-20931, 3x, 5kg": [("20931", "20931"), ("3", "3"), ("5", "5")],
    "lamp,2,19.90,39.80": [("2", "2"), ("19.90", "19.9"), ("39.80", "39.8")],
    # Parts of dates, times and codes count nothing; a whole year may be asked for.
    "12/08/2024 at 10:30": [("2024", "2024")],
    "192.168.10.12 a3f9b 007": [],
}
TIMES = {
    "at 3:30 pm.": [("3:30 pm", "15:30:00")],
    "15.30 Uhr, 15h45, 9pm": [("15.30 Uhr", "15:30:00"), ("15h45", "15:45:00"), ("9pm", "21:00:00")],
    "10:00:00+02:00": [("10:00:00+02:00", "10:00:00+02:00")],
    "half past three, quarter to nine pm": [("half past three", "03:30:00"), ("quarter to nine pm", "20:45:00")],
    "noon": [("noon", "12:00:00")],
    "25:10, 3:7, 12.50": [],
}
MOMENTS = {
    "2025-04-14T10:00:00Z": [("2025-04-14T10:00:00Z", "2025-04-14T10:00:00Z")],
    "20250414T100000Z": [("20250414T100000Z", "2025-04-14T10:00:00Z")],
    "14 April 2025 at 3:30 pm": [("14 April 2025 at 3:30 pm", "2025-04-14T15:30:00")],
    "15:30 on 14 April 2025": [("15:30 on 14 April 2025", "2025-04-14T15:30:00")],
    "Mon, 14 Apr 2025 09:12:33 +0200": [("14 Apr 2025 09:12:33 +0200", "2025-04-14T09:12:33+02:00")],
    "Tue Mar  3 14:05:22 2026": [("Mar  3 14:05:22 2026", "2026-03-03T14:05:22")],
    "14 April 2025. Doors: 15:30": [],
}
CONTACTS = {
    ("email", "ann.b@example.org, bob (at) firma.de."): ["ann.b@example.org", "bob@firma.de"],
    ("email", "a@b, @c.de, d@e..f"): [],
    ("url", "(https://x.org/a?b=1). www.foo.de/x, end.Start"): ["https://x.org/a?b=1", "www.foo.de/x"],
    ("phone", "+49 30 901820, (212) 555-0199, 14.04.2025"): ["+4930901820", "2125550199"],
    ("iban", "DE89 3704 0044 0532 0130 00 and GB29NWBK60161331926819"): [
        "DE89370400440532013000",
        "GB29NWBK60161331926819",
    ],
    ("iban", "DE89 3704 0044 0532 0130 01"): [],
}
MONEY = {
    "1.250,00 EUR": [("1250", "EUR")],
    "EUR308.80": [("308.8", "EUR")],
    "£5 or a fiver": [("5", "GBP"), ("5", "GBP")],
    "CHF 1'250.50": [("1250.5", "CHF")],
    "185 quid": [("185", "GBP")],
    "12 US dollars": [("12", "USD")],
    "499 kr": [("499", "SEK"), ("499", "NOK"), ("499", "DKK"), ("499", "ISK")],
    "Total (EUR) 300.00, 12 (EUR)": [("300", "EUR"), ("12", "EUR")],
    "GBP          9.40": [("9.4", "GBP")],
    "12 lamps, all 5": [],
}


def found(kind, text, **options):
    return [(one.spelling, one.value) for one in find(kind, text, **options)]


@pytest.mark.parametrize("text", DATES)
def test_a_date_is_read_in_whatever_spelling(text):
    assert found("date", text) == DATES[text]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_read_in_figures_and_in_words(text):
    assert found("number", text) == [(spelling, Decimal(value)) for spelling, value in NUMBERS[text]]


@pytest.mark.parametrize("text", TIMES)
def test_a_time_is_read_with_its_offset(text):
    assert found("time", text) == TIMES[text]


@pytest.mark.parametrize("text", MOMENTS)
def test_a_moment_is_a_date_with_a_time_beside_it(text):
    assert found("datetime", text) == MOMENTS[text]


@pytest.mark.parametrize(("kind", "text"), CONTACTS)
def test_addresses_are_found_and_normalised(kind, text):
    assert [one.value for one in find(kind, text)] == CONTACTS[kind, text]


@pytest.mark.parametrize("text", MONEY)
def test_money_is_an_amount_with_a_currency_beside_it(text):
    values = [(one.value["amount"], one.value["currency"]) for one in find("money", text)]
    assert values == [(Decimal(amount), currency) for amount, currency in MONEY[text]]


def test_percentages_units_and_labels():
    assert found("percent", "19 % and twelve percent of 5") == [("19 %", 19), ("twelve percent", 12)]
    assert found("amount", "4.2 kg, 300 g, drei Kilogramm", unit="kg") == [
        ("4.2 kg", Decimal("4.2")),
        ("drei Kilogramm", 3),
    ]
    assert found("quantity", "20 °C") == [("20 °C", {"amount": 20, "unit": "°C"})]
    labels = {"enum": ["express", "next day"], "spellings": {"express": ["overnight"]}}
    assert found("label", "Overnight or NEXT-DAY, no expressway", **labels) == [
        ("Overnight", "express"),
        ("NEXT-DAY", "next day"),
    ]


def test_labels_may_hold_signs_and_be_many():
    names = ["C++", "+1", "cat sat", *(f"word {n}" for n in range(3_000))]
    assert [value for _, value in found("label", "The cat  sat: C++ and +1, c+", enum=names)] == [
        "cat sat",
        "C++",
        "+1",
    ]


def test_two_readings_are_alternatives_of_each_other_unless_the_order_is_said():
    one, other = find("date", "12/08/24")
    assert one.alternatives == (other.value,) and other.alternatives == (one.value,)
    assert found("date", "12/08/24", order="mdy") == [("12/08/24", "2024-12-08")]
    assert found("date", "12/08/24", order="dmy") == [("12/08/24", "2024-08-12")]


def test_a_region_says_whose_numbers_are_meant():
    assert [one.value for one in find("phone", "Tel. 030 901820", region="DE")] == ["+4930901820"]
    assert [one.value for one in find("phone", "Tel. 030 901820")] == ["030901820"]


def test_too_many_candidates_are_refused_and_not_cut():
    with pytest.raises(ConstraintTooLarge) as caught:
        find("integer", " ".join(map(str, range(10_001))))
    assert caught.value.limit == 10_000


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("amount", {"unit": "kgs"}),
        ("phone", {"region": "XX"}),
        ("label", {"spellings": 5}),
        ("colour", {}),
        ("date", {"order": "ymd"}),
        ("date", {"unit": "kg"}),
        ("amount", {}),
    ],
)
def test_what_is_no_kind_or_no_option_is_refused(kind, options):
    with pytest.raises(SchemaInvalid):
        find(kind, "", **options)


def test_an_empty_text_states_nothing():
    for kind in KINDS:
        assert find(kind, "", **({"unit": "kg"} if kind == "amount" else {})) == ()
