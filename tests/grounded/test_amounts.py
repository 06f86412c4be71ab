"""Numbers, money and units in everyday lines: what is found, and what is not."""

from decimal import Decimal

import pytest

from ctrldiff.grounded import find

# text: numbers that are found, and numbers that are not.
NUMBERS = {
    # The decimals of a line are no row of values; a row is one by its commas.
    "Netto 5,01 €, MwSt 0,35 €, Brutto 5,36 €": ("5.01 0.35 5.36", "1 35 36 5 0"),
    "19,0% 5,01 0,95": ("19 5.01 0.95", "0 5 1 95"),
    "in 2030 some 12,345,678,901 people": ("2030 12345678901", "12 345 678 901"),
    "ann,12,500,x": ("12 500", "0"),
    "100,200,300,400": ("100 200 300 400", "0"),
    # Letters that only Turkish has.
    "50 MİL": ("50", "50000"),
    "5 MİO TL": ("5000000", "50"),
    "5 mılyon, 5 MILYON": ("5 5000000", "50"),
    # Words that make no number together.
    "hundred " * 2500: ("100", "10000"),
    "million " * 2500: ("1000000", "1000000000000"),
    "a hundred and one thousand, two thousand million": ("101000 2000000000", "2000 101 100"),
    "two dozen": ("24", "2 12"),
    # Parts and multiples before a million.
    "half a million euros": ("500000", "1000000"),
    "two and a half million euros": ("2 2.5 2500000", "500000 1000000"),
    "2 and a half million": ("2.5 2500000", "500000 1000000"),
    "2½ million": ("2.5 2500000", "0.5 1000000"),
    "1.5 million": ("1.5 1500000", "1000000 5"),
    "eine halbe Million": ("500000", "1000000"),
    "media docena": ("6", "12"),
    "anderthalb Millionen": ("1.5 1500000", "1000000"),
    "dos millones, due miliardi, 3 miljoen": ("2000000 2000000000 3000000", "1"),
    "5 mil millones": ("5000000000", "1000"),
    "5 mila, 3 млн, 2 crore": ("5000 3000000 20000000", "1000"),
    "500 k€, 12 T€, 5 M€": ("500000 12000 5000000", "1"),
    "5 t, 5t, 5 k, 5 m": ("5", "5000 5000000"),
    # Fractions, and signs of other scripts.
    "1 1/2 cups": ("1.5", "0.5"),
    "3/4 inch": ("0.75", "0.33"),
    "1/2/24, 7/2, 1/3": ("", "0.5 3.5"),
    "2⅞, ⅛": ("2.875 0.125", "0.875"),
    "٣٫٥": ("3.5", "3 5"),
    "١٬٢٥٠٫٥": ("1250.5", "1 250"),
    # Minus, powers of ten, and words that two languages share.
    "-$45.00": ("-45 45", "0"),
    "- $45.00, 3-$45": ("45", "-45"),
    "minus five, minus 7": ("-5 5 -7 7", "0"),
    "9 minus 5": ("9 5", "-5"),
    "1e6, 1.2e-5": ("1000000 0.000012", "1.2 5 -5 1 6"),
    "a1e6, 1e6f, 1e6-4": ("", "1000000"),
    "12_000": ("12000", "12 0"),
    "file_12_000, 12_34": ("", "12 12000 34"),
    "once, once años": ("1 11", "0"),
    "una dozzina": ("12", "0"),
}


def values(kind, text, **options):
    return [one.value for one in find(kind, text, **options)]


@pytest.mark.parametrize("text", NUMBERS, ids=lambda text: text[:40])
def test_a_number_is_found_and_no_other(text):
    found = values("number", text)
    stated, not_stated = (set(map(Decimal, side.split())) for side in NUMBERS[text])
    assert stated <= set(found) and not not_stated & set(found)
    assert set(values("integer", text)) == {value for value in found if value == int(value)}
