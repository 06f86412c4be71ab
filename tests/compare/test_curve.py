"""Curves of what was measured: names of methods, passes up to the end token, batches that all methods have."""

import json
import sys
import xml.etree.ElementTree as ET

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.json_schema import JsonSchema
from examples.compare import curve
from examples.compare.measure import documents
from examples.compare.methods import Job, ended, method
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
    texts, passes, _ = ended(cd.Plan(schedule=cd.schedule.Linear(8), commit=cd.commit.TopK()))(job)
    # first the end, then positions 6 and 7, then the first of those that are alike: 0, 1, 2
    assert texts == [b"555"] and passes == [6]
    _, left, _ = ended(cd.Plan(schedule=cd.schedule.Linear(8), commit=cd.commit.TopK("position")))(job)
    assert left == [4]


def test_presets_go_by_name_with_their_knobs():
    assert callable(method("preset fast_dllm:factor=1;block=16")) and callable(method("free preset llada:block=16 8"))
    with pytest.raises(InputError, match="gamma"):
        method("preset klass:gamma=1")
    with pytest.raises(InputError, match="no preset"):
        method("free preset nothing 4")


GIBBS = "particle Gibbs, 4 canvases, 3 sweeps"


@pytest.mark.parametrize("name", ["default", "DAEDAL", "rho-EOS", "minimum risk of five", "dVoting", GIBBS])
def test_searches_and_canvases_that_grow_write_what_the_schema_says(name):
    model = cd.from_pretrained("tiny")
    (one,) = documents(model, "known", 1)
    constraint = JsonSchema(one.schema)
    told = method(name)(Job(model, (one.text,), (one.ask,), (one.schema,), (constraint,), 40))
    assert told.texts[0].decode() in constraint
    assert (told.canvases[0] > told.passes[0]) == (name in ("minimum risk of five", GIBBS))


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
    rows[0]["canvases"] = 18
    found = curve.rows_of([*rows, {"corpus": "unseen", "method": "b"}, {"task": "sum"}], "known")
    assert [(row.method, row.family, row.documents, row.passes) for row in found] == [
        ("a 4", "a", 2, 8),
        ("a 8", "a", 2, 12),
    ]
    file, svg = tmp_path / "F.jsonl", tmp_path / "f.svg"
    file.write_text("\n".join(map(json.dumps, rows)))
    monkeypatch.setattr(sys, "argv", ["curve.py", str(file), "--svg", str(svg)])
    curve.main()
    assert "| a 4 | 2 | 4.0; 9.0 | 100% | 75.0 ± 25.0 | 50 ± 35 |" in capsys.readouterr().out
    assert sum(one.tag.endswith("circle") for one in ET.parse(svg).iter()) == 2
