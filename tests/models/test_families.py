"""Every family: a tiny checkpoint under the published names, against the plain mathematics of its architecture."""

import json
from dataclasses import replace
from functools import partial

import pytest
import torch

from ctrldiff.models import callable as grouping
from ctrldiff.models.hf import load as load_as_told
from ctrldiff.models.registry import FAMILIES
from ctrldiff.state import State
from tests.models.plain_transformer import draw, forward
from tests.models.published.cases import LENGTH, PROMPT, cases
from tests.models.tiny_checkpoints import BOS, MASK, N_TOKENS, PAD, ROWS, STOP, save_checkpoint

CASES = cases()
load = partial(load_as_told, dtype="float32")  # against float64 mathematics
each = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Each case's folder and its weights by our names, made once."""
    made = {}

    def save(case):
        if str(case) not in made:
            weights = draw(case.sizes, seed=len(made) + 1)
            folder = tmp_path_factory.mktemp("models") / str(case)
            made[str(case)] = save_checkpoint(folder, case.config, case.published(weights)), weights
        return made[str(case)]

    return save


@each
def test_the_network_computes_what_the_architecture_says(case, saved):
    folder, weights = saved(case)
    loaded = load(folder, **case.spec)
    assert loaded.spec.family == case.family
    ids = torch.randint(0, N_TOKENS, (2, 11), generator=torch.Generator().manual_seed(5))
    logits = loaded.denoiser.network(ids)
    for row in range(2):
        plain = forward(weights, case.sizes, ids[row].tolist(), case.sees(11))
        assert torch.allclose(logits[row].double(), plain, atol=2e-4), (logits[row] - plain).abs().max()


@each
def test_row_i_is_the_distribution_of_position_i(case, saved):
    folder, weights = saved(case)
    loaded = load(folder, **case.spec)
    assert (loaded.spec.mask_id, loaded.spec.logit_shift) == (MASK, case.shift)
    state = State.blank([PROMPT], LENGTH)
    ids = [*PROMPT, *[MASK] * LENGTH]
    ids += [MASK] * (-len(ids) % (case.block or 1))  # the last block is a whole one
    rows = [at - case.shift for at in range(len(ids))]
    sees = case.sees(len(ids))
    if case.seeing:
        sees, rows = case.seeing(len(PROMPT), [at >= len(PROMPT) for at in range(len(ids))])
    plain = forward(weights, case.sizes, ids, sees)
    logits = loaded.denoiser(loaded.denoiser.noise(state))[0].double()
    for i in range(LENGTH):  # the row of the position, or the row before it
        at = rows[len(PROMPT) + i]
        assert torch.allclose(logits[i, :MASK], plain[at, :MASK], atol=2e-4)


@each
def test_tail_rows_mask_and_pad_never_win(case, saved):
    loaded = load(saved(case)[0], **case.spec)
    logits = loaded.denoiser(loaded.denoiser.noise(State.blank([PROMPT], LENGTH)))[0]
    assert logits.shape == (LENGTH, ROWS) and torch.isneginf(logits[:, N_TOKENS:]).all()
    never = {MASK, PAD, *([BOS] if loaded.spec.bos_id == BOS else [])} - set(loaded.spec.stop_ids)
    assert torch.isneginf(logits[:, sorted(never)]).all()
    assert torch.isfinite(logits[:, [*range(256), STOP]]).all()


@each
def test_a_cache_of_any_family_changes_no_logits(case, saved):
    """Decoded block by block: with the family's exact cache, if it has one, and without."""
    folder, _ = saved(case)
    cached = load(folder, **case.spec)
    if cached.spec.cache == "none":
        pytest.skip("this family keeps nothing")
    exact = load(folder, **{**case.spec, "cache": "none"})
    state = State.blank([PROMPT, PROMPT[:3]], 9)
    for position in (0, 1, 4, 2, 3, 6, 5):
        state = cached.denoiser.noise(state)
        near, far = cached.denoiser(state), exact.denoiser(state)
        seen = state.open[..., None] & far.isfinite()
        assert torch.allclose(near[seen], far[seen], atol=2e-4), position
        state = state.write(torch.arange(9)[None] == position, torch.full((2, 9), 65 + position))
    assert cached.denoiser.forwarded < 7 * (len(PROMPT) + 3 + 2 * 9)


def test_every_family_of_the_llama_kind_has_a_case():
    here = {case.family for case in CASES}
    llama_like = {family.name for family in FAMILIES if "ForCausalLM" in family.runs}
    assert llama_like <= here, llama_like - here


def test_the_cases_are_as_json_has_them():
    for case in CASES:
        assert json.loads(json.dumps(case.config)) == case.config


def test_the_row_before_a_block_sees_nothing_of_the_block(saved):
    """Fast-dLLM v2: the first token of a block is predicted by a row of the block before it."""
    (case,) = [case for case in CASES if case.family == "Fast-dLLM-v2"]
    loaded = load(saved(case)[0], **case.spec)
    assert loaded.spec.first_token_ar
    one, other = [State.blank([PROMPT[:4]], 8, written=w) for w in (row_with(7, 65), row_with(7, 66))]
    a, b = loaded.denoiser(one)[0], loaded.denoiser(other)[0]
    same = [bool(torch.allclose(a[i], b[i], atol=1e-6)) for i in range(7)]
    # Positions 4 to 7 are a block of the sequence, and 8 to 11 the next; the row of position 8 is row 7.
    assert same == [True, True, True, True, True, False, False]


def row_with(at: int, token: int) -> torch.Tensor:
    return torch.tensor([[token if i == at else -1 for i in range(8)]])


@each
def test_rows_of_unequal_length_share_a_call_and_neither_sees_the_others_padding(case, saved, monkeypatch):
    monkeypatch.setattr(grouping, "PADDED_ON_CPU", grouping.PADDED)  # as on an accelerator
    if case.seeing:
        pytest.skip("its driver has a mask for each row: test_stay_causal.py")
    loaded = load(saved(case)[0], **{**case.spec, "cache": "none", "round_to": 1})
    denoiser, calls = loaded.denoiser, []
    assert loaded.spec.padding == "masked"

    def counting(*inputs):
        calls.append(inputs[0].shape)
        return denoiser.network(*inputs)

    state = State.blank([[*PROMPT, *PROMPT, 3], [*PROMPT, *PROMPT]], 8, lengths=[8, 7], pad_id=STOP)
    noisy = denoiser.noise(state)
    together = replace(denoiser, network=counting)(noisy)
    assert len(calls) == 1 and calls[0][0] == 2
    for row in range(2):
        own = int(state.lengths[row])
        alone = denoiser(denoiser.noise(State.blank([state.prompt[row]], own)))
        close = torch.allclose(together[row, :own], alone[0], atol=2e-4)
        assert close, (together[row, :own] - alone[0]).nan_to_num(0, 0, 0).abs().max()
