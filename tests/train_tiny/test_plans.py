"""Plans beside each other on the real set: what the rows ask for, and what counts as not being in the text."""

import json
from dataclasses import replace

import ctrldiff as cd
from examples.train_tiny.real.gold import documents
from examples.train_tiny.real.plans import grounded, made_up, row, spans, ways


def test_only_scalars_change_and_labels_stay():
    schema = next(gold.schema for gold in documents() if "enum" in json.dumps(gold.schema))
    for change, mark in ((grounded, "x-from-text"), (spans, "x-span")):
        changed = change(schema)
        assert list(changed["properties"]) == list(schema["properties"])
        for key, place in changed["properties"].items():
            (value, null) = place["anyOf"]
            assert null == {"type": "null"}
            plain = {name: one for name, one in value.items() if name != mark}
            assert plain == schema["properties"][key]["anyOf"][0]
            is_label = "enum" in value or value["type"] == "boolean"
            assert not (is_label and mark in value)
    assert "x-from-text" not in json.dumps(schema)


def test_what_the_text_lacks_is_debris():
    gold = documents()[0]
    right = {one.key: one.answers[0] for one in gold.fields}
    assert not any(made_up(gold, right))
    text = next(one.key for one in gold.fields if one.schema == {"type": "string"} and not one.absent)
    assert sum(made_up(gold, right | {text: "nobody wrote this"})) == 1
    assert list(made_up(gold, None)) == []


def test_a_row_counts_what_is_no_object_as_no_answer():
    model = cd.from_pretrained("tiny")
    gold = documents()[3]
    free = replace(ways()["fast_dllm, free"], plan=cd.Plan.default(1))
    assert row(model, free, [gold]).split(" | ")[-2] == "1"
    assert row(model, ways()["default, at most 4"], [gold]).split(" | ")[-2] == "0"
