"""Columns in, columns out: the same bytes whoever calls it, in whatever batches."""

import json
import pickle

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.errors import InputError

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}, "who": {"type": "string", "x-span": True}}}
SCHEMA["required"] = ["total", "who"]
TEXTS = [f"Invoice for Maria Jensen, total due: EUR {n}.50." for n in range(9)]
TEXTS[4] = " "


@pytest.fixture(scope="module")
def batch():
    return cd.batch.Extract(schema=SCHEMA, batch_size=4)


@pytest.fixture(scope="module")
def whole(batch):
    return batch({"id": list(range(9)), "text": TEXTS})


def test_a_batch_gets_columns_and_a_bad_text_is_its_own(whole):
    assert list(whole) == ["id", "text", "output", "log_prob", "spans", "row", "error"]
    assert [error == "" for error in whole["error"]] == [n != 4 for n in range(9)]
    assert json.loads(whole["error"][4])["code"] == "INPUT" and whole["output"][4] == whole["row"][4] == ""
    for n in (0, 8):
        output, spans = json.loads(whole["output"][n]), json.loads(whole["spans"][n])
        assert TEXTS[n][slice(*spans["/who"][0].values())] == output["who"]
        row = json.loads(whole["row"][n])
        assert row["id"] == n and row["output"] == output and row["log_prob"] == whole["log_prob"][n]


def test_rows_are_the_same_in_batches_of_any_size_and_kind_and_those_of_a_job(batch, whole, tmp_path):
    again = pickle.loads(pickle.dumps(batch))
    rows, errors = [], []
    for start in range(0, 9, 2):
        part = slice(start, start + 2)
        made = again({"id": np.arange(9)[part], "text": np.array(TEXTS, dtype=object)[part]})
        rows, errors = rows + made["row"], errors + made["error"]
    assert rows == whole["row"] and errors == whole["error"]
    lines = [json.dumps({"id": n, "text": text}) for n, text in enumerate(TEXTS)]
    (tmp_path / "in").write_text("\n".join(lines))
    generator = cd.Generator(cd.from_pretrained("tiny"), SCHEMA, batch_size=3)
    cd.extract.extract_file(generator, tmp_path / "in", tmp_path / "out")
    told = [json.loads(line) for line in (tmp_path / "out").open()]
    for row in told:
        del row["line"], row["made"]
    assert [json.dumps(row, ensure_ascii=False) for row in told] == [row for row in rows if row]


def test_it_is_made_of_json_and_carries_no_model(batch, whole):
    assert len(pickle.dumps(batch)) < 2000 and "_decoder" in vars(batch)
    with pytest.raises(InputError, match="made of JSON"):
        cd.batch.Extract(schema=SCHEMA, seed=object())
    with pytest.raises(InputError, match='no column "text"'):
        batch({"body": ["a"]})


def test_datasets_map_takes_it_as_it_is(batch, whole):
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"id": list(range(9)), "text": TEXTS})
    mapped = data.map(batch, batched=True, batch_size=4)
    assert mapped["row"] == whole["row"] and mapped["text"] == TEXTS
