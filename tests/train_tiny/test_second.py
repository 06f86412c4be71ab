"""The second generation: documents say what they claim to say, are asked for as ctrldiff asks, and training goes on."""

import csv
import gzip
import json
import re
from datetime import date
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

import ctrldiff
from ctrldiff.json_schema import JsonSchema
from ctrldiff.types.ask import asked
from examples.train_tiny.network import TrainingForward, make_config, make_model
from examples.train_tiny.second import train
from examples.train_tiny.second.asking import schema_of
from examples.train_tiny.second.batches import chunk_batches, encode
from examples.train_tiny.second.documents import GENERAL, Composer
from examples.train_tiny.second.mixture import Source, place
from examples.train_tiny.second.pools import LOCALES
from examples.train_tiny.second.roles import table
from examples.train_tiny.second.spelling import DATE_FORMS, Manners, spell_date, spell_money
from examples.train_tiny.second.tokenizer import train_tokenizer
from examples.train_tiny.second.values import Maker
from examples.train_tiny.start import construct
from examples.train_tiny.tokenizer import EOS, MASK, Encoder

PERSON = {
    "first": ["Ada", "Bo"],
    "last": ["Lund", "Orr"],
    "city": ["Ulm", "Cork"],
    "street": ["1 Elm St"],
    "postcode": ["12345"],
    "company": ["Orr Ltd"],
    "job": ["Vet"],
    "phone": ["555 01"],
    "iban": ["DE001122334455"],
}
NOUNS = "act animal artifact cognition communication event feeling food object person phenomenon plant substance time"
POOLS = {
    "people": dict.fromkeys(LOCALES, PERSON),
    "calendar": {
        one: {
            "months": "January February March April May June July August September October November December".split(),
            "short_months": "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(),
            "days": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
            "short_days": "Mon Tue Wed Thu Fri Sat Sun".split(),
        }
        for one in ("en", "de", "fr", "es")
    },
    "country": ["Malta", "Peru"],
    "tongue": ["Welsh", "Urdu", "Thai", "Dutch"],
    "telephones": ["+44 20 7946", "030 123"],
    "words": {one: {"2": "two", "7": "seven"} for one in ("en", "de", "fr", "es")}
    | {"ordinal": {str(n): f"{n}th" for n in range(1, 32)}},
    "judgements": [["superb", 3.0], ["awful", -3.0], ["joy", 2.8], ["disaster", -3.1]],
    "adjectives": ["superb", "awful", "small"],
    "nouns": {name: [f"{name} thing", f"{name}let", "joy", "disaster"] for name in NOUNS.split()},
    "senses": [[["tenant", "renter"], "someone who pays rent", "person"], [["gist"], "the choicest part", "food"]],
    "kinds": {"bird": ["robin", "wren", "owl"]},
    "subjects": {
        one: [f"{one} text {n}" for n in range(5)] for one in ("law", "sport", "music", "art", "war", "food", "sea")
    },
    "sentences": ["the tide was out", "she kept bees for years"],
}


@pytest.fixture(scope="module")
def examples():
    return [one for n in range(2) for one in Source(POOLS, 3).chunk(n, "extract", 300)]


@pytest.fixture(scope="module")
def encoder():
    return Encoder(train_tokenizer(Source(POOLS, 5).stream(), entries=700, count=1024))


def test_a_chunk_is_the_same_each_time_and_differs_from_the_next():
    one, again, other = (Source(POOLS, 3).chunk(number, count=200) for number in (4, 4, 5))
    assert [(e.text, e.ask, e.answer) for e in one] == [(e.text, e.ask, e.answer) for e in again]
    assert sum(a.text == b.text for a, b in zip(one, other)) < len(one) / 10


def test_what_is_copied_stands_where_the_leaf_says(examples):
    copied = 0
    for one in examples:
        for start, stop, leaf in one.leaves:
            assert json.loads(f'"{one.answer[start:stop]}"' if isinstance(leaf.value, str) else "0") in (leaf.value, 0)
            if leaf.verbatim and leaf.value:
                copied += 1
                assert any(one.text[a:b] == leaf.value for a, b in leaf.spans), (one.text, leaf)
    assert copied > 500


def test_objects_are_asked_for_as_ctrldiff_asks_and_their_answers_are_canonical(examples):
    described = 0
    for one in examples:
        if one.place is None:
            continue
        optional = any(mark for _, mark, _ in one.place.keys)
        schema = JsonSchema(schema_of(one.place), optional="omit") if optional else JsonSchema(schema_of(one.place))
        words = asked(schema)
        name = one.ask.partition(":")[0] if one.task == "bare" else None  # a lone list may be called something
        assert one.ask in (words.said("described"), words.said("keys"), words.said("described", name))
        described += one.ask == words.said("described") != words.said("keys")
        assert schema.canonical(json.loads(one.answer)) == one.answer
    assert described > 200


def test_nothing_is_called_absent_that_a_value_of_its_kind_would_fill():
    composer = Composer(POOLS, Random(6))
    asked_for = 0
    for _ in range(150):
        document = composer.document()
        there = {fact.maker for fact in document.facts}
        for role in (composer.absent(document) for _ in range(10)):
            if role is not None and role.name in GENERAL:
                asked_for += 1
                assert not {*role.makers} & there
    assert asked_for > 20


def test_a_share_of_what_is_asked_is_absent_and_grows_with_the_number_of_fields(examples):
    few, many = [], []
    for one in examples:
        if one.place is not None and not any(mark for _, mark, _ in one.place.keys):
            nulls = sum(leaf.value in (None, "") for *_, leaf in one.leaves)
            (many if len(one.place.keys) > 8 else few if len(one.place.keys) < 4 else []).append(
                nulls / max(1, len(one.leaves))
            )
    assert 0.05 < np.mean(few) < np.mean(many) < 0.6


def test_answers_of_the_first_generation_keep_their_words():
    for one in Source(POOLS, 8).chunk(0, "object", 100):
        assert json.loads(one.answer) is not None
        assert all(one.answer[a:b] for a, b, leaf in one.leaves if leaf.value not in (None, ""))
    assert place("{a,b:int,c:x|y,d:[{e,f:number}]}")[0].said("described") == (
        "{a:string|null,b:int|null,c:x|y|null,d:[{e:string|null,f:number|null}]|null}"
    )


def test_every_role_has_keys_of_its_own_and_values_of_its_makers():
    roles = table()
    assert len({role.name for role in roles}) == len(roles)
    maker = Maker(POOLS, Random(2))
    maker.begin(Manners("gb", "GBP", "written", False))
    for role in roles:
        assert (role.keys or role.vague) and role.labels["en"] and role.told, role.name
        for kind in role.makers:
            assert maker.make(kind).text, (role.name, kind)
    assert {role.name for role in roles if role.yes or role.no} == {
        role.name for role in roles if role.makers == ("bool",)
    }


def test_days_are_read_back_from_how_they_are_spelled():
    day, rng = date(2025, 3, 9), Random(4)
    for country, forms in DATE_FORMS.items():
        for form in set(forms) - {"weekday", "the", "written", "short", "ordinal", "mon dash"}:
            text = spell_date(day, Manners(country, "EUR", form, False), POOLS["calendar"], POOLS["words"], Random(9))
            digits = [int(one) for one in re.findall(r"\d+", text)][:3]
            packed = re.match(r"(\d{4})(\d\d)(\d\d)", text)
            digits = [int(one) for one in packed.groups()] if packed else digits
            assert sorted(one % 2000 for one in digits) == [3, 9, 25], (country, form, text)
    amounts = {
        spell_money(1250.5, Manners(c, "EUR", "iso", False), POOLS["words"], rng) for c in DATE_FORMS for _ in range(60)
    }
    for said in ("1,250.50", "1.250,50", "1 250,50", "1'250.50", "1 250.50"):
        assert any(said in one for one in amounts), said


def test_a_value_has_the_tokens_in_the_text_that_it_has_in_the_json(encoder):
    for value in ("Portowa 11, Gdynia", "wren of the sea", "12:40", "a, b and c"):
        inside = encoder(f'{{"key":"{value}"}}')
        text = encoder(f"Kept: {value}\n")
        wanted = encoder(value)
        assert any(inside[n : n + len(wanted)] == wanted for n in range(len(inside)))
        assert any(text[n : n + len(wanted)] == wanted for n in range(len(text)))


def test_pointers_lead_to_the_same_token_of_what_is_copied(encoder, examples):
    led = 0
    for one in examples[:150]:
        encoded = encode(one, encoder)
        leaves = {
            n: leaf
            for start, stop, leaf in one.leaves
            if leaf.verbatim and leaf.value == one.answer[start:stop]
            for n in range(start, stop)
        }
        offsets = encoder.tokenizer.encode(one.answer, add_special_tokens=False).offsets
        for n, places in enumerate(encoded.points):
            assert all(0 < place < encoded.prompt.index(4) for place in places)  # behind <bos>, before <ask>
            if places and offsets[n][0] in leaves and len(places) == 1:
                led += 1
                assert encoded.prompt[places[0]] == encoded.answer[n]
    assert led > 100


def test_where_a_value_begins_is_marked(encoder):
    for one in Source(POOLS, 3).chunk(0, "extract", 50):
        encoded = encode(one, encoder)
        offsets = encoder.tokenizer.encode(one.answer, add_special_tokens=False).offsets
        for at in one.decisions:
            assert all(mark for (a, b), mark in zip(offsets, encoded.decides) if a <= at < b)
        assert sum(encoded.decides) <= 2 * len(one.decisions)


def test_batches_have_targets_under_their_masks_and_no_stop_token_inside(encoder):
    for batch in chunk_batches(Source(POOLS, 6), 0, encoder, 1024)[:20]:
        assert batch.tokens.shape[1] % 16 == 0
        flat = batch.tokens.reshape(-1)
        assert (flat[batch.rows] == MASK).all() and not (batch.targets == MASK).any()
        assert len(batch.rows) == len(batch.targets) == len(batch.weights)
        assert batch.aims.shape == (len(batch.pointing), batch.tokens.shape[1]) and batch.aims.any(1).all()
        assert EOS in batch.targets or EOS in flat


def test_the_pointer_scores_are_those_of_the_head():
    model = make_model(make_config(300, 3, 192, 512, 1e10, "described")).eval()
    construct(model, 1)
    forward = TrainingForward(model, 512, pointer=(1, 2))
    ids = torch.randint(6, 300, (2, 32), generator=torch.Generator().manual_seed(1))
    rows = torch.tensor([3, 40])
    with torch.no_grad():
        scores = forward.with_pointers(ids, rows, rows)[1]
        full = model(ids, output_attentions=True).attentions[1]
    for n, row in enumerate(rows):
        expected = full[row // 32, 2, row % 32]
        torch.testing.assert_close(scores[n].softmax(-1), expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("width", [192, 256, 384])
@torch.no_grad()
def test_the_constructed_start_copies_over_a_long_way_at_every_width(width):
    model = make_model(make_config(1000, 2, width, 1536, train.BASE, "described")).eval()
    construct(model, 7)
    half = torch.randint(6, 1000, (2, 400), generator=torch.Generator().manual_seed(2))
    ids = torch.cat((half, half), 1)
    ids[:, 500:] = MASK
    assert (model(ids).logits[:, 500].argmax(-1) == half[:, 100]).all()


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "LOG_STEPS", 2)
    with gzip.open(tmp_path / "pools.json.gz", "wt") as file:
        json.dump(POOLS, file)

    def run(folder: Path, steps: int) -> train.Run:
        options = train.arguments().parse_args(
            ["--out", str(folder), "--pools", str(tmp_path / "pools.json.gz"), "--size", "test", "--eager"]
        )
        options.steps = steps
        one = train.Run(options)
        one.go()
        return one

    whole = run(tmp_path / "whole", 6)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "tokenizer.json").write_text((tmp_path / "whole" / "tokenizer.json").read_text())
    run(tmp_path / "parts", 3)
    with (tmp_path / "parts" / "curve.csv").open("a") as file:
        file.write("4,0,0,0,0,9,9,0\n")  # written by a run that was killed before it saved
    parts = run(tmp_path / "parts", 6)
    assert parts.position == whole.position and parts.tokens == whole.tokens
    curves = [list(csv.DictReader((tmp_path / name / "curve.csv").open())) for name in ("whole", "parts")]
    one, other = ([row | {"minutes": 0} for row in curve] for curve in curves)
    assert one == other
    assert [row["step"] for row in curves[1]] == ["2", "4", "6"]
    for name, weight in whole.model.named_parameters():
        torch.testing.assert_close(dict(parts.model.named_parameters())[name], weight)


@pytest.mark.slow
def test_a_run_goes_on_from_the_model_alone(tmp_path):
    with gzip.open(tmp_path / "pools.json.gz", "wt") as file:
        json.dump(POOLS, file)

    def run(*words: str) -> train.Run:
        said = ["--pools", str(tmp_path / "pools.json.gz"), "--size", "test", "--eager", *words]
        return train.Run(train.arguments().parse_args(said))

    first = run("--out", str(tmp_path / "first"), "--steps", "2")
    first.go()
    second = run("--out", str(tmp_path / "second"), "--from", str(tmp_path / "first/export"))
    assert (second.tokens, second.examples) == (first.tokens, first.examples)
    assert second.position == (first.position[0] + 1, 0)  # nothing is seen again
    assert (tmp_path / "second/tokenizer.json").read_text() == (tmp_path / "first/export/tokenizer.json").read_text()
    for name, weight in second.model.named_parameters():
        torch.testing.assert_close(weight.detach(), first.average[name].to(torch.bfloat16).float())
    wrong = run("--out", str(tmp_path / "third"))
    wrong.model = make_model(make_config(1000, 2, 192, 1536, train.BASE, "described"))
    with pytest.raises(ValueError, match="another form"):
        wrong.take_up(tmp_path / "first/export")


@pytest.mark.slow
def test_what_is_trained_so_far_loads_and_obeys():
    model = ctrldiff.from_pretrained("small")
    assert model.loaded.spec.ask == "described" and model.loaded.spec.context == 1536
    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    constraint = JsonSchema(schema)
    assert model("INVOICE 7\nTotal due: EUR 308.80", schema).raw in constraint
