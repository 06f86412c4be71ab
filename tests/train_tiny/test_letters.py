"""Documents written by hand: what is filled in is what is asked, and what was left out is absent."""

import json
import re
from random import Random

import pytest

from examples.train_tiny.second.asking import Asker
from examples.train_tiny.second.letters import LISTED, Letters, Malformed, documents, parse, table
from examples.train_tiny.second.mixture import Source
from examples.train_tiny.second.values import Maker
from tests.train_tiny.test_second import POOLS

WHOLE = """# order mail
Hi {who}, the lamp of order {no}[[, tracking {code}]] of {_1:past} <<state=lost:has gone missing||is late>>. {no}!
<<gift=true:A present.||gift=false:Not a present.>>
@items? {items.qty} x {items.name}
---
who: first | contact recipient | person who is written to
no: like:PO-##### | order_number order_no |
code: like:@@##@@ | tracking_number |
state: enum:lost;late;there | status |
gift: bool | gift_wrapped |
items: rows | items |
items.qty: int:1:9 | quantity |
items.name: pick:nail;hammer | name |
-: future | delivery_date eta | day it will arrive"""


def filled(seed: int):
    return Letters(POOLS, Random(seed)).document(parse(WHOLE))


def test_a_value_stands_where_its_span_says_as_often_as_it_is_said():
    for seed in range(40):
        one = filled(seed)
        facts = {fact.role.name: fact for fact in one.facts}
        assert len(facts["no"].spans) == 2
        for name in ("who", "no"):
            stands = {one.text[a:b] for a, b in facts[name].spans}
            assert stands == {facts[name].as_it_stands}
        start, stop = facts["gift"].spans[0]
        assert one.text[start:stop].lower() == ("a present." if facts["gift"].answer else "not a present.")
        for cells, spans in zip(one.rows.cells, one.rows.spans):
            assert [one.text[a:b] for a, b in spans] == [cell.text for cell in cells]
            assert cells[0].type == "string"  # what a thing is called comes first, however the line has it


def test_what_a_thing_is_called_comes_before_its_time():
    timed = WHOLE.replace("? {items.qty}", "? {items.at} {items.qty}").replace(
        "items.qty:", "items.at: time | at |\nitems.qty:"
    )
    assert [column.name for column in parse(timed).lists["items"]] == ["items.name", "items.at", "items.qty"]


def test_what_is_left_out_is_absent_and_what_is_said_is_not():
    seen = set()
    for seed in range(60):
        one = filled(seed)
        said = {fact.role.name for fact in one.facts}
        absent = {role.name for role in one.absent}
        assert said | absent == {"who", "no", "code", "state", "gift", "delivery_date"} and not said & absent
        seen.add(("code" in said, "state" in said, bool(one.rows.cells)))
    assert (
        {code for code, *_ in seen} == {state for _, state, _ in seen} == {rows for *_, rows in seen} == {True, False}
    )


def test_answers_are_what_the_text_says():
    nulls = asked = 0
    letters = Letters(POOLS, Random(3))
    letters.letters = [parse(WHOLE)]
    for one in (Asker(letters, Random(seed)).example() for seed in range(120)):
        for start, stop, leaf in one.leaves:
            asked += 1
            nulls += leaf.value in (None, "")
            if leaf.verbatim and leaf.value:
                assert any(one.text[a:b] == leaf.value for a, b in leaf.spans)
                assert json.loads(f'"{one.answer[start:stop]}"') == leaf.value
    assert 0.05 < nulls / asked < 0.6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("{who}", "{whom}"), "not declared"),
        (("code: like", "codes: like"), "not declared"),
        (("[[, tracking {code}]]", ""), "declared and not in the text"),
        (("-: future | delivery_date", "-: future | order_no"), "several fields"),
        (("state=lost", "state=gone"), "one of"),
        (("\n---\n", "\n"), "expected a line"),
        (("| contact recipient", "| Contact!"), "expected 'id"),
        (("items.qty: int:1:9 | quantity |\n", ""), "not declared"),
        (("code: like:", "code: looks:"), "no such maker"),
        (("-: future", "-: someday"), "no such maker"),
        (("items.qty: int:", "items.qty: whole:"), "no such maker"),
        (("{_1:past}", "{_1:once}"), "no such maker"),
        (("x {items.name}", "x {items.name}[[, late]]"), "a repeated line holds"),
        (("x {items.name}", "x {items.name} {_2:time}"), "a repeated line holds"),
        (("is late>>", "is late, {items.qty} of them>>"), "outside of the line"),
    ],
)
def test_what_is_not_written_so_is_refused(change, said):
    with pytest.raises(Malformed, match=said):
        parse(WHOLE.replace(*change))
    assert parse(WHOLE)


def test_every_letter_can_be_filled_and_some_are_held_out():
    letters = table()
    assert len(letters) > 40
    assert 0.04 < sum(one.held_out for one in letters) / len(letters) < 0.25
    maker = Letters(POOLS, Random(1))
    for one in letters:
        document = maker.document(one)
        assert document.text.strip() and (document.facts or document.rows)


def test_training_sees_no_letter_that_is_held_out(monkeypatch):
    seen, document = [], Letters.document
    monkeypatch.setattr(Letters, "document", lambda self: seen.extend(self.letters) or document(self))
    for held_out in (False, True):
        seen.clear()
        Source(POOLS, 2, held_out=held_out).chunk(0, "letter", 5)
        assert seen and {one.held_out for one in seen} == {held_out}


@pytest.mark.parametrize("held_out", [False, True])
def test_letters_with_a_list_are_trained_on_more_often(held_out):
    plain = WHOLE.replace("@items? {items.qty} x {items.name}\n", "")
    plain = "\n".join(line for line in plain.splitlines() if not line.startswith("items"))
    source = Letters(POOLS, Random(3), held_out)
    source.letters = [parse(plain), parse(WHOLE)]
    listed = sum(source.document().rows is not None for _ in range(400))
    odds = 1 if held_out else LISTED
    assert abs(listed / 400 - odds / (1 + odds)) < 0.075, "three standard deviations"


def test_makers_fill_patterns():
    maker = Maker(POOLS, Random(0))
    assert maker.make("like:PO-##").text[:3] == "PO-" and maker.make("like:PO-##").text[3:].isdigit()


def test_a_file_is_cut_into_documents():
    assert documents(f"{WHOLE}\n===\n\n{WHOLE}\n===\n") == [WHOLE, WHOLE]


@pytest.mark.parametrize(
    "text, language",
    [
        ("Hi {von}, the parcel for {la} is here", "en"),
        ("Kundennummer {y}\nWarmmiete {e} zahlbar bis {de}", "de"),
        ("Livraison du {date} à {time}, chez {name}", "fr"),
        ("Importe {the} del {of}", "es"),
        ("Il corso comincia alle ore {t} e non costa", "en"),  # whose manners are not known
        ("{a} {b}: 4711", "en"),
    ],
)
def test_the_language_of_a_letter_is_told_by_its_words_alone(text, language):
    holes = "\n".join(f"{one}: year | {one} |" for one in dict.fromkeys(re.findall(r"{(\w+)}", text)))
    assert parse(f"# note\n{text}\n---\n{holes}").language == language
