"""The training script of the classifier in the box: a few steps of it learn, and they are repeatable."""

import importlib.util
from pathlib import Path

import torch

import ctrldiff as cd

SCRIPT = Path(__file__).parents[2] / "examples" / "train_guide" / "train.py"


def test_thirty_steps_already_tell_good_from_bad_and_half_open_canvases_are_harder():
    spec = importlib.util.spec_from_file_location("train_guide", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    model = cd.from_pretrained()
    network = script.train(model, steps=30, seed=3, size=32)
    clean, half = script.accuracy(network, model), script.accuracy(network, model, open_share=0.9)
    assert clean > 0.75 and clean > half > 0.5
    again = script.train(model, steps=3, seed=3, size=8)
    assert torch.equal(again.embedding, script.train(model, steps=3, seed=3, size=8).embedding)
