"""Contrasts of two views of a canvas, against the formulas of the papers, and what each view keeps."""

import math
import warnings

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import GuideWarning, InputError, VocabularyError
from ctrldiff.guidance.classifier_free import (
    AdaptiveClassifierFree,
    ClassifierFree,
    Contrast,
    NegativePrompt,
    uncertain,
)
from ctrldiff.guidance.guide import prepared
from ctrldiff.models.callable import from_callable
from ctrldiff.state import State
from tests.cases import hard_state
from tests.conftest import MASK, NOISES, SIZE, ToyNetwork, spec, toy
from tests.guidance.fakes import context, denoise, encode, prompts_of, step_at

WRITABLE = slice(0, 16)  # neither the mask nor the pad


def halfway(noise="mask"):
    """A state with given, held and open positions, and its denoiser."""
    denoiser = toy(noise)
    state = hard_state("free")
    confidence = torch.tensor([[0.9, 0.2, 1.0, 0.5, 0.3, 0.7, 0.6, 0.4]]).expand(3, -1)
    held = torch.tensor([True, True, True, False, True, True, False, False]).expand(3, -1)
    return denoiser, denoiser.noise(state.write(held, torch.full_like(state.tokens, 3), confidence).snapshot())


def guided(guide, denoiser, state):
    guides = prepared([guide], context(3, denoiser, prompt=prompts_of(state)))
    return denoise(denoiser, state, step_at(0.5), (), guides)


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("scale", [0.0, 0.5, 1.5, 4.0])
def test_classifier_free_is_lladas_formula_and_that_of_d_cfg(scale, noise):
    denoiser, state = halfway(noise)
    hidden = [denoiser.noise(State.blank([[]], len(ids))).tokens[0] for ids in state.prompt]
    conditional = denoiser(state)[..., WRITABLE].double()
    unconditional = denoiser(State(**{**vars(state), "prompt": tuple(hidden)}))[..., WRITABLE].double()
    llada = (unconditional + (scale + 1) * (conditional - unconditional)).softmax(-1)
    powers = conditional.softmax(-1) ** (scale + 1) * unconditional.softmax(-1) ** -scale
    ours = guided(ClassifierFree(scale), denoiser, state)[..., WRITABLE].double().softmax(-1)
    live = state.open
    assert torch.allclose(ours[live], llada[live], atol=1e-6)
    assert torch.allclose(ours[live], (powers / powers.sum(-1, keepdim=True))[live], atol=1e-6)


def test_only_the_prompt_is_hidden_and_all_views_share_one_forward():
    seen = []

    def spy(ids):
        seen.append(ids.clone())
        return ToyNetwork()(ids)

    denoiser = from_callable(spy, spec("mask"), toy().vocabulary)
    state = denoiser.noise(hard_state("free").gather([1, 1]))
    length = len(state.prompt[0])
    guide = ClassifierFree(1.0) + AdaptiveClassifierFree(1.0)
    denoise(denoiser, state, step_at(1.0, rows=2), (), prepared([guide], context(2, denoiser)))
    (ids,) = seen
    assert ids.shape[0] == 6 and (ids[2:4, :length] == MASK).all() and torch.equal(ids[4:], ids[:2])
    assert torch.equal(ids[2:4, length:], ids[:2, length:]), "given tokens are kept in the unconditional view"
    assert (ids[:2, length:] != MASK).sum() == 4, "two given tokens a row"


def test_a_negative_prompt_is_the_prompt_of_the_other_view_row_by_row():
    denoiser, state = halfway()
    guide = NegativePrompt(lambda text: "b-" + text, 2.0)
    conditional = denoiser(state).log_softmax(-1)
    negative = denoiser(State(**{**vars(state), "prompt": (torch.tensor(encode("b-ab")),) * 3})).log_softmax(-1)
    want = (conditional + 2.0 * (conditional - negative))[..., WRITABLE].softmax(-1)
    assert torch.allclose(guided(guide, denoiser, state)[..., WRITABLE].softmax(-1), want, atol=1e-6)
    with pytest.raises(InputError, match="negative prompt of text 0"):
        NegativePrompt(lambda text: " ").prepare(context())


def test_the_adaptive_view_reopens_the_least_certain_tokens_that_were_chosen():
    _, state = halfway()
    chosen = uncertain(state, 0.5)
    # Row 0 holds positions 0, 1, 2, 4, 5 at .9, .2, 1 (no choice), .3, .7: the lower half of four are 1 and 4.
    assert chosen[0].tolist() == [False, True, False, False, True, False, False, False]
    assert not (chosen & ~state.held).any() and not uncertain(state, 0.0).any()
    assert torch.equal(uncertain(state, 1.0), state.held & (state.held_confidence < 1))


@pytest.mark.parametrize("noise", NOISES)
def test_the_adaptive_formula(noise):
    denoiser, state = halfway(noise)
    tilt = AdaptiveClassifierFree(1.5, share=0.5).prepare(context(denoiser=denoiser))
    (view,) = tilt.branches(state, step_at(0.5))
    again = uncertain(state, 0.5)
    assert torch.equal(view.open, state.open | again)
    assert torch.equal(view.tokens[~again], state.tokens[~again]), "nothing else moves, noise included"
    if noise == "mask":
        assert (view.tokens[again] == MASK).all()
    before = [rng.bit_generator.state for rng in state.rngs]
    tilt.branches(state, step_at(0.5))
    assert [rng.bit_generator.state for rng in state.rngs] == before, "the row's own draws are not used up"
    a, b = denoiser(state).log_softmax(-1), denoiser(view).log_softmax(-1)
    want = (a + 1.5 * (a - b))[..., WRITABLE].softmax(-1)
    ours = guided(AdaptiveClassifierFree(1.5, share=0.5), denoiser, state)[..., WRITABLE].softmax(-1)
    assert torch.allclose(ours[state.open], want[state.open], atol=1e-6)


def test_contrast_is_the_formula_of_two_checkpoints():
    denoiser, state = halfway()
    other = toy(seed=5)
    a, b = denoiser(state).log_softmax(-1), other(state).log_softmax(-1)
    want = (3.0 * a - 2.0 * b)[..., WRITABLE].softmax(-1)
    ours = guided(Contrast(other, 2.0), denoiser, state)[..., WRITABLE].softmax(-1)
    assert torch.allclose(ours[state.open], want[state.open], atol=1e-6)


def test_a_model_contrasted_with_itself_is_itself():
    denoiser, state = halfway()
    ours = guided(Contrast(denoiser, 7.0), denoiser, state)
    assert torch.allclose(ours[..., WRITABLE], denoiser(state)[..., WRITABLE])


@pytest.mark.parametrize(("noise", "theirs"), [("mask", "uniform"), ("uniform", "mask"), ("uniform", "uniform")])
def test_a_reference_is_shown_its_own_noise(noise, theirs):
    denoiser, state = halfway(noise)
    other = toy(theirs, seed=5)
    drawn = [rng.bit_generator.state for rng in state.rngs]
    ours = guided(Contrast(other, 2.0), denoiser, state)[..., WRITABLE].softmax(-1)
    assert [rng.bit_generator.state for rng in state.rngs] == drawn, "no draw of the decode's own"
    seen = state if noise == theirs else other.noise(state.snapshot())
    want = (3.0 * denoiser(state).log_softmax(-1) - 2.0 * other(seen).log_softmax(-1))[..., WRITABLE].softmax(-1)
    assert torch.allclose(ours[state.open], want[state.open], atol=1e-6)
    if noise != theirs:
        wrong = (3.0 * denoiser(state).log_softmax(-1) - 2.0 * other(state).log_softmax(-1))[..., WRITABLE].softmax(-1)
        assert not torch.allclose(wrong[state.open], want[state.open], atol=1e-3)


@pytest.mark.parametrize("wrong", ["tiny", None, cd.Model])
def test_a_reference_is_a_model(wrong):
    with pytest.raises(InputError, match="no model"):
        Contrast(wrong)


def test_a_reference_with_other_tokens_is_refused():
    from ctrldiff.tokens.vocabulary import Vocabulary

    other = Vocabulary.from_tokens([b"x"] * SIZE, stop_ids=[15])
    with pytest.raises(VocabularyError, match="the reference"):
        Contrast(from_callable(ToyNetwork(), spec("mask"), other)).prepare(context())


@pytest.mark.parametrize("bad", [math.nan, math.inf, "1"])
@pytest.mark.parametrize(
    "make",
    [ClassifierFree, AdaptiveClassifierFree, lambda s: NegativePrompt("a", s), lambda s: Contrast(None, s)],
)
def test_scales_are_finite(make, bad):
    with pytest.raises(InputError, match="not a finite number"):
        make(bad)


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_is_between_0_and_1(share):
    with pytest.raises(InputError, match="share"):
        AdaptiveClassifierFree(1.0, share)


def test_a_strength_by_mask_ratio_and_by_segment_scales_each_place():
    denoiser, state = halfway()
    plain, whole = denoiser(state), guided(ClassifierFree(1.0), denoiser, state)
    late = guided(ClassifierFree(lambda ratio: 1 - ratio), denoiser, state)
    ratio = state.open.sum(1) / (state.open | state.held).sum(1)
    for row in range(3):
        want = plain[row] + (1 - ratio[row]) * (whole[row] - plain[row])
        assert torch.allclose(late[row][..., WRITABLE], want[..., WRITABLE], atol=1e-4)
    split = State(**{**vars(state), "segment": (torch.arange(8) // 4).to(torch.int32).expand(3, -1)})
    second = guided(ClassifierFree({1: 1.0}), denoiser, split)
    assert torch.equal(second[:, :4], plain[:, :4]) and torch.allclose(second[:, 4:], whole[:, 4:])


def told_of(caught):
    return [str(one.message) for one in caught if one.category is GuideWarning]


def test_a_model_that_saw_no_hidden_prompt_is_warned_of_by_name():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ClassifierFree(1.0).prepare(context(hidden_prompts=True))
        NegativePrompt("a").prepare(context(hidden_prompts=False))
        AdaptiveClassifierFree(1.0).prepare(context(hidden_prompts=False))
        assert not told_of(caught)
        ClassifierFree(1.0).prepare(context(hidden_prompts=False, name="such a model"))
    assert "not for such a model" in told_of(caught)[0] and "hidden_prompts" in told_of(caught)[0]


def test_a_user_sees_it_once():
    model = cd.from_pretrained()
    form = cd.Regex("[a-z]{3}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for text in ("one", "two"):
            model([text, "three"], form, guidance=[ClassifierFree(0.1)], steps=1, batch_size=1)
    assert len(told_of(caught)) == 1 and "tiny" in told_of(caught)[0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cd.from_pretrained(hidden_prompts=True)("one", form, guidance=[ClassifierFree(0.1)], steps=1)
    assert not told_of(caught)
