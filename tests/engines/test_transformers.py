"""transformers' own generate, DiffusionGemma's way of calling a processor, Dream's loop; and two ranks that agree."""

import random

import numpy as np
import pytest
import torch

from ctrldiff.engines.transformers import ConstrainedLogits, DreamHook
from ctrldiff.errors import BudgetTooSmall, Infeasible, InputError, ShapeError
from tests.cases import CONSTRAINTS, legal, table
from tests.conftest import MASK, PAD, SIZE, STOP, VOCABULARY
from tests.engines.networks import qwen3

NAMES = [name for name, description in CONSTRAINTS.items() if description is not None]


@pytest.fixture(scope="module")
def network():
    return qwen3(1, eos_token_id=STOP, pad_token_id=PAD)


def until_stop(row):
    ids = row.tolist()
    return VOCABULARY.decode(ids[: ids.index(STOP)] if STOP in ids else ids)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("how", [{}, {"do_sample": True, "temperature": 1.5}, {"num_beams": 3}], ids=str)
def test_an_autoregressive_model_obeys_too(network, name, how):
    torch.manual_seed(4)
    prompt = torch.tensor([[1, 2, 3], [7, 8, 9]])
    processor = ConstrainedLogits([table(name), table(name)], prompt_length=3, max_new_tokens=8)
    out = network.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=8, logits_processor=[processor], **how
    )
    for row in out[:, 3:]:
        assert legal(name, until_stop(row)), (name, row)


def canvases(processor, seed, width=3, budget=8, steps=3, rows=2):
    """As DiffusionGemma calls it: what is finished, and scores for a canvas it does not show; the last argmax stays."""
    rng = torch.Generator().manual_seed(seed)
    ids = torch.randint(0, 10, (rows, 2), generator=rng)
    while ids.shape[1] < 2 + budget:
        for _ in range(steps):
            scores = processor(ids, 2 * torch.randn(rows, width, SIZE, generator=rng))
        canvas = scores.argmax(dim=-1)
        ended = (canvas == STOP).cumsum(1) - (canvas == STOP).to(torch.int64) > 0
        ids = torch.cat([ids, canvas.masked_fill(ended, PAD)], dim=1)
    return ids[:, 2 : 2 + budget]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keep", ["only", "first"])
def test_a_canvas_is_solved_at_every_call(name, keep):
    for seed in range(4):
        processor = ConstrainedLogits(table(name), 2, 8, keep=keep, temperature=float(seed % 2), seed=seed)
        for row in canvases(processor, seed):
            assert legal(name, until_stop(row)), (name, row)


def dream(hook, prompt, length, alg, seed, steps=4):
    """Dream's loop in our words: every step writes a share of the masks, those of the highest score."""
    rng = torch.Generator().manual_seed(seed)
    x = torch.cat([prompt, torch.full((len(prompt), length), MASK)], dim=1)
    for step in range(steps):
        logits = hook(step, x, 2 * torch.randn(*x.shape, SIZE, generator=rng))
        p = logits.softmax(-1)
        confidence, best = p.max(dim=-1)
        if alg == "topk_margin":
            top = p.topk(2, dim=-1).values
            confidence = top[..., 0] - top[..., 1]
        elif alg == "entropy":
            confidence = (p * (p + 1e-10).log()).sum(-1)
        elif alg == "origin":
            confidence = torch.rand(x.shape, generator=rng)
        masked = x == MASK
        count = -(-int(masked[0].sum()) // (steps - step))
        chosen = confidence.masked_fill(~masked, -torch.inf).topk(count, dim=1).indices
        where = torch.zeros_like(masked).scatter(1, chosen, True) & masked
        x = torch.where(where, best, x)
    return x


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("alg", ["origin", "maskgit_plus", "topk_margin", "entropy"])
def test_dream_may_write_any_positions_of_a_step(name, alg):
    prompt = torch.tensor([[1, 2, 3], [4, 5, 6]])
    for seed in range(3):
        hook = DreamHook(table(name), 3, MASK, temperature=float(seed == 2), seed=seed)
        out = dream(hook, prompt, 8, alg, seed)
        assert torch.equal(out[:, :3], prompt)
        for row in out[:, 3:]:
            assert legal(name, until_stop(row)), (name, row)


def test_scores_of_the_prompt_are_left_as_they_are():
    logits = torch.randn(1, 6, SIZE, generator=torch.Generator().manual_seed(0))
    x = torch.tensor([[1, 2, 13, MASK, MASK, MASK]])
    out = DreamHook(table("regex"), 2, MASK)(0, x, logits)
    assert torch.equal(out[:, :2], logits[:, :2]) and (out[:, 2:] != logits[:, 2:]).any()
    assert out[0, 2].argmax() == 13  # a held token's own row


def test_two_ranks_give_the_same_bytes_whatever_their_global_generators_say():
    def rank(n):
        random.seed(n), np.random.seed(n), torch.manual_seed(n)
        torch.rand(n), np.random.rand(n)
        out = []
        for temperature in (0.0, 1.0):
            processor = ConstrainedLogits(table("alternatives"), 2, 8, keep="first", temperature=temperature, seed=5)
            hook = DreamHook(table("alternatives"), 2, MASK, temperature=temperature, seed=5)
            out += [canvases(processor, 1), dream(hook, torch.tensor([[3, 4]]), 8, "entropy", 1)]
        return torch.cat([t.reshape(-1) for t in out]).numpy().tobytes()

    assert rank(1) == rank(2)


def test_wrong_shapes_and_impossible_prefixes_are_refused_by_name():
    with pytest.raises(ShapeError, match="scores are"):
        ConstrainedLogits(table("regex"), 1, 8)(torch.zeros(2, 1, dtype=torch.int64), torch.zeros(1, SIZE))
    with pytest.raises(ShapeError, match="logits are"):
        DreamHook(table("regex"), 1, MASK)(0, torch.zeros(1, 4, dtype=torch.int64), torch.zeros(1, 3, SIZE))
    with pytest.raises(Infeasible, match="token 0 of the text"):
        ConstrainedLogits(table("regex"), 1, 8)(torch.tensor([[1, 11]]), torch.zeros(1, SIZE))
    with pytest.raises(BudgetTooSmall):
        ConstrainedLogits(table("regex"), 1, 2)(torch.tensor([[1]]), torch.zeros(1, SIZE))
    with pytest.raises(InputError, match="2 constraints for 3 rows"):
        tables = [table("regex"), table("choice")]
        ConstrainedLogits(tables, 1, 8)(torch.zeros(3, 1, dtype=torch.int64), torch.zeros(3, SIZE))
