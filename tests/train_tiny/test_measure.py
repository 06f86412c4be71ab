"""The measuring command: what it asks, what it counts, and that it goes on where it stopped."""

import gzip
import json
import sys
from itertools import islice
from random import Random

import pytest

from ctrldiff.generate import Model
from ctrldiff.json_schema import JsonSchema
from ctrldiff.models.hf import TINY, load
from ctrldiff.types.ask import ask_for
from examples.compare import measure
from examples.compare.methods import OURS, RATED, Job, method
from examples.train_tiny.mixture import stream


def test_a_schema_is_read_from_what_is_asked():
    schema = measure.schema_of("{a,b:int,c:x|y,d:[],e:[{f,g:number}],h:{i:date}}")
    good = {"a": "s", "b": 1, "c": "y", "d": ["t"], "e": [{"f": "u", "g": 1.5}], "h": {"i": "2024-02-29"}}
    constraint = JsonSchema(schema)
    assert constraint.canonical(good) in constraint
    assert constraint.canonical(dict.fromkeys(good)) in constraint
    assert constraint.canonical(good | {"c": "z"}) not in constraint


def test_types_are_asked_for_as_the_model_was_trained_on_them():
    for one in islice(stream(5, True, "unseen", "object"), 300):
        assert ask_for(measure.schema_of(one.ask)) == one.ask


def test_leaves_are_scalars_by_path():
    value = {"a": None, "b": [1, {"c": "x"}], "d": {}}
    assert list(measure.leaves(value)) == [(".a", None), (".b.0", 1), (".b.1.c", "x")]


def test_methods_go_by_name_with_a_number_of_passes():
    assert method("left own .9") is OURS["left own .9"]
    assert all(callable(method(f"{name} 4")) and callable(method(name)) for name in RATED)
    with pytest.raises(SystemExit, match="dingo"):
        method("dongo 4")


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["measure.py", *map(str, arguments)])
    measure.main()
    return capsys.readouterr().out


def test_a_run_goes_on_where_it_stopped_and_adds_up(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(measure, "BATCH", 2)
    out = tmp_path / "figures.jsonl"
    common = (TINY, "--corpus", "known", "--methods", "exact MAP 1,S2 1", "--out", out)
    assert run(monkeypatch, capsys, *common, "--documents", 2).count("\n") == 2
    assert run(monkeypatch, capsys, *common, "--documents", 2) == ""
    assert run(monkeypatch, capsys, *common, "--documents", 4).count("\n") == 2
    assert run(monkeypatch, capsys, *common, "--documents", 6, "--seconds", 0) == ""
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["method"], row["first"], row["documents"]) for row in rows] == [
        ("exact MAP 1", 0, 2),
        ("S2 1", 0, 2),
        ("exact MAP 1", 2, 2),
        ("S2 1", 2, 2),
    ]
    assert all(row["valid"] == 2 for row in rows if row["method"] == "exact MAP 1")
    table = run(monkeypatch, capsys, "--table", out).splitlines()
    assert len(table) == 4 and all(" | 4 | 1.0 | " in line for line in table[2:])


def test_real_schemas_are_asked_for_an_instance_and_left_out_aloud(tmp_path, monkeypatch, capsys):
    sample = tmp_path / "sample.jsonl.gz"
    good = {"type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "integer"}}, "required": ["n"]}
    entries = [
        {"schema": good, "tests": [{"data": {"city": "Oslo", "n": 7}, "valid": True}]},
        {"schema": good, "tests": [{"data": {"n": "x"}, "valid": False}]},
        {"schema": {"not": {}}, "tests": [{"data": 1, "valid": True}]},
    ]
    sample.write_bytes(gzip.compress("\n".join(map(json.dumps, entries)).encode()))
    said = run(monkeypatch, capsys, TINY, "--corpus", "schemas", "--sample", sample, "--methods", "exact MAP 1")
    first, row = said.splitlines()
    assert "1 measured" in first and "no instance in the narrowed language" in first and "CONSTRAINT_UNSAT" in first
    assert json.loads(row)["valid"] == 1


def test_holes_are_values_and_what_is_given_stands_in_every_answer():
    model = Model(load(TINY))
    questions = [
        measure.with_holes(model, one, Random(n)) for n, one in enumerate(measure.documents(model, "known", 6))
    ]
    for one in questions:
        ids = model.loaded.plain_ids(one.answer)
        assert len(one.given) == measure.CANVAS and 0 < sum(token < 0 for token in one.given) < len(ids)
        assert all(given in (-1, token) for given, token in zip(one.given, ids))
        assert all(token in model.loaded.spec.stop_ids for token in one.given[len(ids) :])
        right = json.loads(one.answer)
        for key, value in one.pairs:  # of what is asked something is hidden, of everything else nothing is
            assert right[key] == value
        kept = [key for key in right if key not in dict(one.pairs)]
        shown = model.vocabulary.decode([token for token in one.given if token >= 0]).decode()
        assert all(json.dumps(right[key], separators=(",", ":"), ensure_ascii=False) in shown for key in kept)
    texts, asks = (tuple(getattr(one, what) for one in questions) for what in ("text", "ask"))
    constraints = tuple(JsonSchema(one.schema) for one in questions)
    schemas, given = tuple(one.schema for one in questions), tuple(one.given for one in questions)
    job = Job(model, texts, asks, schemas, constraints, measure.CANVAS, given)
    for name in ("default", "free preset llada 2"):
        answers, passes, _ = method(name)(job)
        assert max(passes) < measure.CANVAS
        for one, raw in zip(questions, answers):
            assert raw in constraints[questions.index(one)] or name != "default"
            begin = model.vocabulary.decode(list(one.given[: one.given.index(-1)]))
            assert raw.startswith(begin)
