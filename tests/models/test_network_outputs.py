"""What a network returns is checked where it comes in: sizes, kinds, and no gradient goes on."""

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import ShapeError
from tests.conftest import MASK, PAD, SIZE, STOP, VOCABULARY

WRONG = {
    "narrow": lambda ids: torch.zeros(*ids.shape, SIZE - 2),
    "wide": lambda ids: torch.zeros(*ids.shape, SIZE + 3),
    "flat": lambda ids: torch.zeros(*ids.shape),
    "one row": lambda ids: torch.zeros(len(ids), 1, SIZE),
    "whole numbers": lambda ids: torch.zeros(*ids.shape, SIZE, dtype=torch.int64),
    "an array": lambda ids: torch.zeros(*ids.shape, SIZE).numpy(),
    "an output": lambda ids: {"logits": torch.zeros(*ids.shape, SIZE)},
    "nothing": lambda ids: None,
}


def model(network):
    spec = cd.ModelSpec(stop_ids=(STOP,), n_tokens=SIZE, context=64, mask_id=MASK, pad_id=PAD, canvas=4)
    return cd.Model.from_callable(network, spec, VOCABULARY, lambda text: [0, 1])


def halved(logits, state, step):
    return logits * 0.5


HOW = {
    "plain": {},
    "guided": {"guidance": [halved]},
    "negative prompt": {"guidance": [cd.guide.NegativePrompt(lambda prompt: "no " + prompt, 1.0)]},
    "drawn": {"temperature": 0.7},
    "searched": {
        "temperature": 0.7,
        "search": cd.search.BestOfN(cd.rewards.Function(lambda texts: [0.0] * len(texts)), 2),
    },
}


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_output_is_named(wrong, how):
    with pytest.raises(ShapeError, match="the network"):
        model(WRONG[wrong])("ab", cd.Regex("[ab]{1,3}"), **HOW[how])


def likes(texts):
    return [float(text.count("a")) for text in texts]


SEARCHES = {
    "best of n": lambda: cd.search.BestOfN(cd.rewards.Function(likes), 3),
    "particles": lambda: cd.search.Particles(cd.rewards.Function(likes), n=3),
    "values": lambda: cd.search.ValueDecoding(cd.rewards.Function(likes), candidates=3),
    "refine": lambda: cd.search.Refine(cd.rewards.Function(likes), rounds=2, width=2),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_network_with_gradients_is_decoded_like_any_other(name, dtype):
    weight = torch.nn.Parameter(torch.randn(SIZE, generator=torch.Generator().manual_seed(3)))

    def with_gradient(ids):
        return (weight + ids[..., None] * 0.01).to(dtype)

    how = {"search": SEARCHES[name](), "temperature": 1.0, "seed": 5}
    found = model(with_gradient)("ab", cd.Regex("[ab]{1,3}"), **how)
    same = model(lambda ids: with_gradient(ids).detach())("ab", cd.Regex("[ab]{1,3}"), **how)
    assert found.raw == same.raw and found.raw in cd.Regex("[ab]{1,3}")
