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
    "a1e6, 1e6f, 1e6-4, seat 3E12": ("", "1000000 3000000000000"),
    "1.5E6, 2E-3": ("1500000 0.002", "1.5 2"),
    "12_000": ("12000", "12 0"),
    "file_12_000, 12_34": ("", "12 12000 34"),
    "once, once años": ("1 11", "0"),
    "una dozzina": ("12", "0"),
}

# text: what is found and what is not, as "amount unit".
QUANTITIES = {
    # Signs that mean one thing, squares and cubes in figures.
    "75 m2": ("75 m²", "75 m, 75 month, 75 year"),
    "75m2, 3 m3, 100 qm, 20 cm2": ("75 m², 3 m³, 100 m², 20 cm²", "3 m, 100 m"),
    "500g, 500 g": ("500 g", "500 year"),
    "1,80 m": ("1.8 m", "1.8 month, 1.8 year"),
    "5 t, 2 l, 3 h, 10 s": ("5 t, 2 l, 3 h, 10 s", "5 h, 5 week, 2 year, 3 H, 10 S"),
    "m5 5 m5": ("", "5 m"),
    # The next line, "per hour", and small words.
    "3 May 2024\nTime: 15:30": ("", "2024 h"),
    "3\nTo: Ann": ("", "3 TB, 3 tn"),
    "count: 3\nday: 5": ("", "3 day"),
    "it weighs 3\nkg, no more": ("3 kg", ""),
    "25/h, 25 per hour": ("", "25 h"),
    "60 km/h": ("60 km/h", "60 h"),
    "3 in stock, ranked 3 in 2024": ("", "3 in"),
    "12 in, 5 in wide, 7 in.": ("12 in, 5 in, 7 in", ""),
    "5 to 7 days": ("5 day, 7 day", "5 tn"),
    "7 a week": ("", "7 year"),
    "2024 om": ("", "2024 Ω"),
    "1st, 2nd, 3rd": ("", "1 c, 1 h, 2 kn, 3 rd"),
    "3pm, 3 pm": ("", "3 pm"),
    "3 o'clock, 3 o’clock": ("", "3 B"),
    "25 d'attente": ("", "25 dots, 25 day"),
    "20 m'den, 5 kg'lık, 5 年3か月": ("5 kg, 5 year", ""),
    "dos mil": ("", "2 mil"),
    "3 light bulbs": ("", "3 light"),
    "5 ans, 3 Tage, 16 Go": ("5 year, 3 day, 16 GB", ""),
    "60 km/h, 25 kg/m2": ("60 km/h", "60 km, 25 kg, 25 m²"),
    # Fractions and ranges.
    "1/2 kg": ("0.5 kg", "2 kg, 1 kg"),
    "1/3 kg": ("", "3 kg, 1 kg"),
    "1 1/2 cups": ("1.5 c", "2 c, 0.5 c"),
    "5-10 kg, between 2 and 3 km": ("5 kg, 10 kg, 2 km, 3 km", ""),
    "five to seven days": ("5 day, 7 day", ""),
    "A-10-15 kg, room 5 and 15 kg, 10-5 kg": ("15 kg, 5 kg", "10 kg"),
}
MONEY = {
    "Netto 5,01 €, MwSt 0,35 €, Brutto 5,36 €": ("5.01 EUR, 0.35 EUR, 5.36 EUR", "1 EUR, 35 EUR, 36 EUR"),
    "-$45.00": ("-45 USD", "45 EUR"),
    "-€45.00, −EUR 3, (-US$7)": ("-45 EUR, -3 EUR, -7 USD", ""),
    "half a million euros": ("500000 EUR", "1000000 EUR"),
    "1,5 million d'euros, dos millones de euros": ("1500000 EUR, 2000000 EUR", "1 EUR"),
    "500 k€, 12 T€, 3 M €": ("500000 EUR, 12000 EUR, 3000000 EUR", "500 EUR"),
    "25 EUR/h, 50 EUR/Monat, 25 €/h": ("25 EUR, 50 EUR", "25 HUF"),
    "Fr. 12.50, SFr. 13.-, Fr. 14.-": ("12.5 CHF, 13 CHF, 14 CHF", ""),
    "Fr. 15.30 Uhr, Fr. 17 Gäste": ("", "15.3 CHF, 17 CHF"),
    "12.50;EUR": ("12.5 EUR", ""),
    "12.50,EUR": ("12.5 EUR", ""),
    "| 12.50 | EUR |": ("12.5 EUR", ""),
    '"12.50","EUR"': ("12.5 EUR", "50 EUR"),
    "5, ALL 7": ("", "5 ALL"),
    "50 złotych, 60 lei, 70 рублей, 80 korun": ("50 PLN, 60 RON, 70 RUB, 80 CZK", ""),
    "5 Pfund, 6 dólares, 7 dollari, 8 sterline": ("5 GBP, 6 USD, 7 USD, 8 GBP", ""),
    "90 Kronen, 20 pesos": ("90 SEK, 90 NOK, 20 MXN, 20 ARS", ""),
    "5.000 TL, 12 Schweizer Franken": ("5000 TRY, 12 CHF", ""),
    "49,-- Euro": ("49 EUR", ""),
    "10-15 €": ("10 EUR, 15 EUR", "-15 EUR"),
    "$10-15": ("10 USD, 15 USD", "-15 USD"),
    "$10-15-year": ("10 USD", "15 USD"),
    "between 10 and 15 euros": ("10 EUR, 15 EUR", ""),
    "room 10 and 15 euros, Pos 1 - 15 €": ("15 EUR", "10 EUR, 1 EUR"),
    "10-15 million euros": ("15000000 EUR", "10 EUR, 15 EUR"),
}
PERCENTAGES = {
    "19,0% 5,01 0,95": ("19", "0"),
    "1/2 %": ("0.5", "2"),
    "٣٫٥٪": ("3.5", "5"),
    "5-10%, zwischen 2 und 3 Prozent": ("5 10 2 3", "-10"),
}


def values(kind, text, **options):
    return [one.value for one in find(kind, text, **options)]


@pytest.mark.parametrize("text", NUMBERS, ids=lambda text: text[:40])
def test_a_number_is_found_and_no_other(text):
    found = values("number", text)
    stated, not_stated = (set(map(Decimal, side.split())) for side in NUMBERS[text])
    assert stated <= set(found) and not not_stated & set(found)
    assert set(values("integer", text)) == {value for value in found if value == int(value)}


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [("quantity", "unit", text) for text in QUANTITIES] + [("money", "currency", text) for text in MONEY],
)
def test_an_amount_has_what_stands_beside_it_and_no_other(kind, name, text):
    found = {(value["amount"], value[name]) for value in values(kind, text)}
    stated, not_stated = (
        {(Decimal(amount), of) for amount, of in (one.split(" ", 1) for one in side.split(", ") if one)}
        for side in (MONEY if kind == "money" else QUANTITIES)[text]
    )
    assert stated <= found and not not_stated & found


@pytest.mark.parametrize("text", PERCENTAGES)
def test_a_percentage_is_found_and_no_other(text):
    found = set(values("percent", text))
    stated, not_stated = (set(map(Decimal, side.split())) for side in PERCENTAGES[text])
    assert stated <= found and not not_stated & found


def test_an_amount_in_years_is_none_in_grams():
    assert values("amount", "500g and 3 years", unit="year") == [3]
