"""The diffusion transformer equals its restatement in plain numpy, weights by their published names."""

import numpy as np
import pytest
import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.dit.network import DiT, DiTShape
from tests.models import dit_reference

ROWS, WIDTH, HEADS, BLOCKS = 13, 12, 2, 2


def network(weights, condition, block_length=None):
    made = DiT(DiTShape(ROWS, WIDTH, HEADS, BLOCKS, condition, block_length)).eval()
    made.load_state_dict({**weights, "logit_bias": torch.zeros(1, 1, 1)})
    return made


@pytest.mark.parametrize("block_length", [None, 2, 3])
@pytest.mark.parametrize("condition", [8, 0])
def test_logits_equal_the_restatement(condition, block_length):
    weights = dit_reference.random_weights(ROWS, WIDTH, BLOCKS, condition, seed=condition)
    ids = torch.tensor([[1, 12, 5, 0, 7, 7, 3], [2, 2, 2, 9, 12, 12, 4]])
    sigma = torch.tensor([0.0, 1.7])
    with torch.inference_mode():
        ours = network(weights, condition, block_length)(ids, sigma)
    for row in range(2):
        plain = dit_reference.logits(weights, HEADS, ids[row].tolist(), float(sigma[row]), block_length)
        assert np.allclose(ours[row].numpy(), plain, atol=2e-5)


def test_blocks_see_nothing_that_comes_later():
    weights = dit_reference.random_weights(ROWS, WIDTH, BLOCKS, 8, seed=1)
    made, ids = network(weights, 8, block_length=3), torch.tensor([[1, 2, 3, 4, 5, 6]])
    other = torch.tensor([[1, 2, 3, 4, 5, 12]])
    with torch.inference_mode():
        a, b = made(ids, torch.zeros(1)), made(other, torch.zeros(1))
    assert torch.allclose(a[:, :3], b[:, :3], atol=1e-6) and not torch.allclose(a[:, 3], b[:, 3])


def test_the_bias_of_gidd_is_added_to_what_a_token_says_of_itself():
    weights = dit_reference.random_weights(ROWS, WIDTH, BLOCKS, 8, seed=2)
    made, ids = network(weights, 8), torch.tensor([[4, 0, 4]])
    with torch.inference_mode():
        before = made(ids, torch.zeros(1))
        made.logit_bias.fill_(2.5)
        after = made(ids, torch.zeros(1))
    expected = before.clone()
    for i, token in enumerate([4, 0, 4]):
        expected[0, i, token] += 2.5
    assert torch.allclose(after, expected)


def test_shapes_that_cannot_be_are_refused():
    with pytest.raises(ModelError, match="do not divide"):
        DiTShape(10, 12, 5, 1, 8)
    with pytest.raises(ModelError, match="block_length=0"):
        DiTShape(10, 12, 2, 1, 8, block_length=0)
