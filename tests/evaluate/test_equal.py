"""What counts as right, rule by rule."""

import pytest

from ctrldiff.evaluate.equal import in_text, right_at, same


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ("Maria  Jensen", "Maria Jensen"),
        (' "AB-12". ', "AB-12"),
        (1, 1.0),
        (0.1, 0.1),
        ("2026-03-03T10:00:00Z", "2026-03-03T12:00:00+02:00"),
        ([1, "a "], [1.0, "a"]),
        ({"a": 1, "b": None}, {"b": None, "a": 1.0}),
        (None, None),
        (True, True),
    ],
)
def test_equal(found, right):
    assert same(found, right) and same(right, found)


@pytest.mark.parametrize(
    ("found", "right"),
    [
        ("maria", "Maria"),
        (True, 1),
        ([True], [1]),
        ({"a": False}, {"a": 0}),
        (1, "1"),
        (None, ""),
        (None, []),
        ("2026-03-03", "2026-03-04"),
        ("2026-03-03T10:00:00Z", "2026-03-03T10:00:00+02:00"),
        ([1, 2], [2, 1]),
        ([1], [1, 1]),
        ({"a": 1}, {"a": 1, "b": None}),
        (1, 1.0001),
    ],
)
def test_not_equal(found, right):
    assert not same(found, right) and not same(right, found)


def test_a_value_is_judged_by_its_place_in_any_right_answer():
    answers = ({"a": 1, "list": [{"p": 2}]}, {"a": 5, "list": [{"p": 2}]})
    assert right_at("a", 5, answers) is True and right_at("a", 2, answers) is False
    assert right_at("list/0/p", 2.0, answers) is True
    assert right_at("list/1/p", 2, answers) is False, "behind the last right item"
    assert right_at("other", 1, answers) is None and right_at("list/0/q", 1, answers) is None
    assert right_at("a/b", 1, answers) is False, "no such place"
    assert right_at("a~1b", 1, ({"a/b": 1},)) is True
    assert right_at("", [1], ([1],)) is True


def test_a_string_stands_in_the_text_but_for_blanks_signs_and_case():
    assert in_text("maria  jensen.", "To Maria\nJensen, Bristol")
    assert not in_text("Maria Jansen", "To Maria Jensen")
