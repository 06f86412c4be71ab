"""Curves of what was measured: names of methods, passes up to the end token, batches that all methods have."""

import json
import sys
import xml.etree.ElementTree as ET

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from examples.compare import curve
from examples.compare.methods import Job, ended, method
from examples.orders.curve import OWN, PACED, SEARCHES, Drawn, draw, drawing, groups, table, work
from tests.conftest import STOP, VOCABULARY, toy


class Loaded:
    denoiser = toy()

    @staticmethod
    def prompt_ids(text, ask):
        return [3, 4]


class Model:
    loaded, vocabulary = Loaded, VOCABULARY


def test_passes_are_those_up_to_the_end_token():
    """Whatever a rule does behind the end costs nothing; by counting, one pass after the other."""

    def network(ids):
        logits = torch.zeros(*ids.shape, VOCABULARY.size)
        logits[..., 5] = 4.0
        logits[:, 2 + 3, STOP] = 9.0  # the fourth position of the canvas ends the text, and is the surest of all
        logits[:, 2 + 6 :, 5] = 6.0  # what stands at the end comes before the beginning
        return logits

    class Ends(Loaded):
        denoiser = toy(network=network)

    class Ending(Model):
        loaded = Ends

    job = Job(Ending, ("",), ("",), ({},), (), 8)
    texts, passes = ended(cd.Plan(schedule=cd.schedule.Linear(8), commit=cd.commit.TopK()))(job)
    # first the end, then positions 6 and 7, then the first of those that are alike: 0, 1, 2
    assert texts == [b"555"] and passes == [6]
    _, left = ended(cd.Plan(schedule=cd.schedule.Linear(8), commit=cd.commit.TopK("position")))(job)
    assert left == [4]


def test_presets_go_by_name_with_their_knobs():
    assert callable(method("preset fast_dllm:factor=1;block=16")) and callable(method("free preset llada:block=16 8"))
    with pytest.raises(InputError, match="gamma"):
        method("preset klass:gamma=1")
    with pytest.raises(InputError, match="no preset"):
        method("free preset nothing 4")


def record(name, first, pairs, forwards):
    return {
        "corpus": "known",
        "method": name,
        "first": first,
        "pairs": pairs,
        "objects": 1,
        "valid": 2,
        "forwards": forwards,
    }


def test_only_batches_that_all_have_are_compared(tmp_path, monkeypatch, capsys):
    rows = [
        record("a 4", 0, [[1, 2], [2, 2]], 8),
        record("a 8", 0, [[2, 2], [2, 2]], 12),
        record("a 4", 2, [[0, 2], [0, 2]], 8),
    ]
    found = curve.rows_of([*rows, {"corpus": "unseen", "method": "b"}, {"task": "sum"}], "known")
    assert [(row.method, row.family, row.documents, row.passes) for row in found] == [
        ("a 4", "a", 2, 8),
        ("a 8", "a", 2, 12),
    ]
    file, svg = tmp_path / "F.jsonl", tmp_path / "f.svg"
    file.write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setattr(sys, "argv", ["curve.py", str(file), "--svg", str(svg)])
    curve.main()
    assert "| a 4 | 2 | 4.0 | 100% | 75.0 ± 25.0 | 50 ± 35 |" in capsys.readouterr().out
    assert sum(one.tag.endswith("circle") for one in ET.parse(svg).iter()) == 2


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_are_measured_and_passes_are_theirs(name):
    told = draw(Drawn("shuffle of 4", 0.5, name, 0, 6))
    alone = 4 if name.startswith("one") else 2
    assert 0 <= told.legal <= 1 and told.passes >= (alone if "tolerator" not in name else 4)


def test_work_is_what_a_text_has_positions_for_and_the_table_has_all_of_it():
    asked = list(work(["one of 8 words"], 0.5, 6))
    assert {one.told for one in asked} == {0, 1, 4, 8} and len(asked) == 3 * (len(PACED) + 1) + len(OWN) + len(SEARCHES)
    rows = [draw(one) for one in asked if one.method in ("confidence", "exact constraint")]
    assert all(one.legal == 1 for one in rows if one.method == "exact constraint")
    assert table(rows).count("\n| confidence | ") == 3 and "6 texts each" in table(rows)
    assert list(groups(rows)) == ["one of 8 words, blurred"] and "exact constraint" in drawing("words", rows)
