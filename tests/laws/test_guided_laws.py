"""Laws of guidance: whatever leans, and however strongly, the form holds; a row decodes alone as it does in a batch."""

import pytest
import torch

from ctrldiff.guidance.guide import during, prepared
from ctrldiff.sampling.commit import Threshold, TopK
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.propose import Best, Draw
from ctrldiff.sampling.schedules import Blocks, Linear
from tests.cases import CONSTRAINTS, GUIDES, bound, hard_state, legal
from tests.conftest import NOISES, few, text, toy
from tests.guidance.fakes import context, prompts_of

NAMES = [name for name in CONSTRAINTS if name != "free"]
THREE = {"schedule": Linear(3)}
STRENGTHS = (1.0, 100.0, -100.0)


def decoded(guide, name, *, noise="mask", rows=None, **how):
    """The rows of a guided decode of the hard state."""
    state, denoiser = hard_state(name), toy(noise)
    state = state if rows is None else state.gather(rows)
    constraint = bound(name, state.shape[0])
    told = {"constraint": constraint, "prompt": prompts_of(state)}
    guides = prepared([guide], context(state.shape[0], denoiser, **told))
    return sample(denoiser, state, constraint=constraint, guides=guides, **how)


@pytest.mark.parametrize("strength", few(STRENGTHS, 1))
@pytest.mark.parametrize("name", GUIDES)
def test_every_decode_is_complete_and_legal_at_every_strength(name, strength):
    plans = [
        {"propose": Best(), "commit": TopK(), "schedule": Linear(3)},
        {"propose": Draw(), "commit": Threshold(0.6), "schedule": Blocks(3)},
    ]
    turn = list(GUIDES).index(name) + STRENGTHS.index(strength)
    for n, constraint in enumerate(NAMES[turn % 3 :: 3]):  # each guide meets every constraint at one strength or other
        state = decoded(strength * GUIDES[name], constraint, noise=NOISES[n % 2], **plans[n % 2])
        assert state.done.all() and all(legal(constraint, text(row)) for row in state.tokens)


@pytest.mark.parametrize("name", GUIDES)
def test_a_strong_guide_changes_what_is_written(name):
    changed = [
        not torch.equal(
            decoded(20.0 * GUIDES[name], one, **THREE).tokens, decoded(0.0 * GUIDES[name], one, **THREE).tokens
        )
        for one in ("alternatives", "text")
    ]
    assert any(changed)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", GUIDES)
def test_a_row_is_guided_alone_as_in_its_batch(name, noise):
    guide = 2.0 * GUIDES[name] + during(GUIDES[name], 0.7, 0.2)
    together = decoded(guide, "alternatives", noise=noise, propose=Draw(), **THREE)
    for row in range(3):
        alone = decoded(guide, "alternatives", noise=noise, rows=[row], propose=Draw(), **THREE)
        assert torch.equal(alone.tokens[0], together.tokens[row])
        assert torch.allclose(alone.held_confidence[0], together.held_confidence[row], atol=1e-5, equal_nan=True)


@pytest.mark.parametrize("name", GUIDES)
def test_the_argument_is_left_as_it_was(name):
    before = [rng.bit_generator.state for rng in hard_state("text").rngs]
    first = decoded(GUIDES[name], "text", noise="uniform", propose=Draw(), **THREE)
    assert [rng.bit_generator.state for rng in hard_state("text").rngs] == before
    assert torch.equal(decoded(GUIDES[name], "text", noise="uniform", propose=Draw(), **THREE).tokens, first.tokens)
