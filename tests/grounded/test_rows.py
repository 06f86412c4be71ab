"""Rows of values that a text states."""

import pytest

from ctrldiff.grounded.rows import rows_in

TEXTS = [  # text, numbers a row, rows
    ("", 1, 0),
    ("Dear Sir, thank you.", 1, 0),
    ("2 lamps, 3 chairs and 1 desk", 1, 3),
    ("2 lamps; 3 chairs & 1 desk.", 1, 3),
    ("zwei Lampen zu 4,50, 3 Stühle zu 12,00 und 1 Tisch zu 99,90", 1, 3),
    ("brake pads front and rear 24.90, labour 40.50", 1, 2),
    ("Qty Article\n3 lamp\n4 chair", 1, 2),
    ("2025-03-10 train NOK 252\n2025-03-11 taxi NOK 365", 2, 2),
    ("2025-03-10, train, NOK 252\n2025-03-11, taxi, NOK 365", 2, 2),
    ("sku,title,qty\nB-201,napkin,8\nB-233,runner,1", 1, 2),
    ("bread 2.50\nmilk 1.25\nTOTAL 9.99", 1, 2),  # by its word
    ("bread 2.50\nmilk 1.25\nto pay 3.75", 1, 2),  # by its amount
    ("bread 2.50\nto pay 2.50", 1, 2),  # one is no sum
    ("bread 2,50\nmilk 1.250,00\nto pay 1.252,50", 1, 2),
    ("Order 553: one (1) piano stool, black, EUR 149.00.", 2, 1),
    ("12.50\n13.50", 1, 0),  # no letter, no row
]


@pytest.mark.parametrize(("text", "numbers", "rows"), TEXTS)
def test_rows_are_counted(text, numbers, rows):
    assert rows_in(text, numbers) == rows


def test_lines_alone_and_numbers_alone_are_not_rows():
    wrong = [lambda text, _: len(text.splitlines()), lambda text, n: sum(map(str.isdigit, text)) // n]
    assert all(any(guess(text, n) != rows for text, n, rows in TEXTS) for guess in wrong)
    assert rows_in(", " * 200_000 + "1 a", 1) == 1  # long texts are no trap
