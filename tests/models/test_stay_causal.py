"""Models whose attention depends on what is written, against the passes that their own loops make."""

from functools import partial

import pytest
import torch
from transformers import DynamicCache

import ctrldiff as cd
from ctrldiff.models.caches.keys_values import cache_argument
from ctrldiff.models.hf import load as load_as_told
from ctrldiff.models.written_first import Seen
from ctrldiff.state import State
from tests.models.plain_transformer import draw
from tests.models.published.cases import cases
from tests.models.tiny_checkpoints import MASK, save_checkpoint

load = partial(load_as_told, dtype="float32")
PROMPT = [72, 105, 33, 10, 65]


@pytest.fixture(scope="module", params=["WeDLM", "Nemotron-Labs-Diffusion"])
def loaded(request, tmp_path_factory):
    (case,) = [case for case in cases() if case.family == request.param]
    folder = tmp_path_factory.mktemp("models") / case.family
    return load(save_checkpoint(folder, case.config, case.published(draw(case.sizes, seed=3))))


def half_written(denoiser, length: int, written: dict[int, int]) -> State:
    told = torch.full((1, length), -1)
    for at, token in written.items():
        told[0, at] = token
    return denoiser.noise(State.blank([PROMPT], length, written=told))


def causal_pass(module, ids: list[int], positions: list[int], past: DynamicCache | None = None, whole: bool = False):
    """The model's own causal pass over tokens at positions; `whole`: over what is kept and all of these. (L, V)."""
    kept = 0 if past is None else past.get_seq_length()
    n = len(ids)
    mask = torch.zeros(1, 1, n, kept + n)
    if not whole:
        mask.masked_fill_(torch.ones(n, kept + n).tril(kept)[None, None] == 0, torch.finfo(torch.float32).min)
    with torch.no_grad():
        return module(
            input_ids=torch.tensor([ids]),
            position_ids=torch.tensor([positions]),
            attention_mask=mask,
            use_cache=past is not None,
            **({cache_argument(module): past} if past is not None else {}),
        ).logits[0]


def test_wedlm_moves_what_is_written_to_the_front_and_keeps_its_positions(loaded):
    if loaded.spec.family != "WeDLM":
        pytest.skip("the other one")
    state = half_written(loaded.denoiser, 7, {0: 66, 3: 67, 5: 68})
    got = loaded.denoiser(state)[0]
    ids = [*PROMPT, *state.tokens[0].tolist()]
    is_open = [False] * len(PROMPT) + state.open[0].tolist()
    order = [at for at in range(12) if not is_open[at]] + [at for at in range(12) if is_open[at]]
    logits = causal_pass(loaded.denoiser.network.module, [ids[at] for at in order], order)
    for slot, at in enumerate(order):
        if is_open[at]:
            assert torch.allclose(got[at - len(PROMPT), :MASK], logits[slot, :MASK], atol=2e-4)


@pytest.mark.parametrize(
    "written", [{}, {0: 66, 2: 67}, {0: 66, 1: 67, 2: 68, 3: 69}, {**dict.fromkeys(range(4), 66), 5: 70}]
)
def test_nemotrons_blocks_are_those_of_its_loop(loaded, written):
    """A causal pass over prompt and finished blocks; the block's first token from its last row; the rest of the block
    from a pass over the block that sees all of it and what is kept."""
    if loaded.spec.family == "WeDLM":
        pytest.skip("the other one")
    state = half_written(loaded.denoiser, 8, written)
    got, tokens = loaded.denoiser(state)[0], state.tokens[0].tolist()
    module, past = loaded.denoiser.network.module, DynamicCache()
    begin = 4 if all(at in written for at in range(4)) else 0
    finished = [*PROMPT, *tokens[:begin]]
    last = causal_pass(module, finished, list(range(len(finished))), past)[-1]
    block = causal_pass(module, tokens[begin : begin + 4], [len(finished) + n for n in range(4)], past, whole=True)
    for at in range(begin, begin + 4):
        if at not in written:
            expected = last if at == begin else block[at - begin]
            assert torch.allclose(got[at, :MASK], expected[:MASK], atol=2e-4), at


def test_rows_of_unequal_length_share_a_call_and_neither_sees_the_other(loaded):
    denoiser = loaded.denoiser
    assert isinstance(denoiser, Seen)
    state = State.blank([[*PROMPT, 3, 4], PROMPT, PROMPT[:2]], 8, lengths=[8, 7, 3], pad_id=loaded.spec.stop_ids[0])
    state = denoiser.noise(state)
    state = state.write(
        torch.tensor([[False] * 8, [True, False, True] + [False] * 5, [False] * 8]), torch.full((3, 8), 70)
    )
    together = denoiser(state)
    for row in range(3):
        own = int(state.lengths[row])
        written = torch.where(state.open[row, :own], -1, state.tokens[row, :own])[None]
        alone = denoiser(denoiser.noise(State.blank([state.prompt[row].tolist()], own, written=written)))
        seen = state.open[row, :own, None] & alone[0].isfinite()
        assert torch.allclose(together[row, :own][seen], alone[0][seen], atol=2e-4)


def test_they_answer_in_the_form_that_is_asked(loaded):
    model = cd.Model(loaded)
    assert model("How old is Ada?", cd.Regex("[0-9]{6}"), max_new_tokens=8).raw.isdigit()
