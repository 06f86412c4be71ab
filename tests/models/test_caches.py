"""Caches against the same network without one, on tiny random Qwen2 and Qwen3 models."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import ModelError
from ctrldiff.likelihood import elbo
from ctrldiff.models.caches import keys_values
from ctrldiff.models.caches.approximate import ApproximateCached
from ctrldiff.models.caches.drive import drive
from ctrldiff.models.caches.prefix import PrefixCached
from ctrldiff.models.callable import CallableDenoiser, from_callable, network_rows
from ctrldiff.models.transformers import TransformersNetwork
from ctrldiff.sampling.commit import Threshold, TopK
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.revise import LeastConfident
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.state import State, Status
from tests.conftest import SIZE, VOCABULARY, few, prompt, spec

BLOCK, LENGTH = 4, 12


@lru_cache(maxsize=4)
def module(kind):
    from transformers import Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(3)
    small = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4}
    common = {"vocab_size": SIZE, "num_key_value_heads": 2, "is_causal": False, "initializer_range": 0.3, **small}
    if kind == "qwen3":
        return Qwen3ForCausalLM(Qwen3Config(head_dim=8, **common)).eval()
    return Qwen2ForCausalLM(Qwen2Config(**common)).eval()


def plain(kind, how, block=None):
    """The network without a cache: one pass over everything, under a mask written out here."""

    def network(ids):
        at = torch.arange(ids.shape[1])
        hidden = (
            torch.zeros(len(at), len(at), dtype=torch.bool)
            if block is None
            else at[None] // block > at[:, None] // block
        )
        mask = torch.zeros(len(at), len(at)).masked_fill(hidden, torch.finfo(torch.float32).min)[None, None]
        with torch.inference_mode():
            return module(kind)(input_ids=ids, attention_mask=mask, use_cache=False).logits.clone()

    return from_callable(network, how, VOCABULARY)


def watched(cached, exact, log):
    """A denoiser that answers as `cached` and notes its distance from `exact` at every open position."""

    class Both:
        vocabulary = VOCABULARY
        noise = staticmethod(cached.noise)
        observe = staticmethod(cached.observe)

        def __call__(self, state):
            got, want = cached(state), exact(state)
            seen = want[state.open] > -torch.inf
            assert torch.equal(got[state.open] > -torch.inf, seen)
            log.append(float((got[state.open][seen] - want[state.open][seen]).abs().max()))
            return got

    return Both()


HOW = {  # kind of network, and how it is read: SDAR, Fast-dLLM v2 and a model whose first token is autoregressive
    "SDAR": ("qwen3", {}),
    "Fast-dLLM v2": ("qwen2", {"logit_shift": 1}),
    "first token AR": ("qwen3", {"first_token_ar": True}),
}


def causal(name):
    kind, how = HOW[name]
    return kind, spec("mask", attention="block_causal", block_length=BLOCK, **how)


def decode(denoiser, rows=3, seed=0, constraint=FREE, **how):
    state = State.blank([prompt(row) for row in range(rows)], LENGTH, seed=seed)
    return sample(denoiser, state, constraint=constraint, **how).tokens


LOOPS = {
    "blocks": {"schedule": Blocks(BLOCK), "commit": Threshold(0.5)},
    "reopened": {"schedule": Blocks(BLOCK), "commit": TopK(), "revise": LeastConfident(count=2, below=0.99)},
    "anywhere": {"schedule": Linear(), "commit": TopK("random"), "revise": LeastConfident(count=1, below=0.9)},
    "drawn": {"schedule": Blocks(3), "commit": TopK(), "propose": Draw()},
}


@pytest.mark.parametrize("name", HOW)
@pytest.mark.parametrize("loop", few(LOOPS, 2))
def test_a_prefix_cache_is_exact_whatever_the_loop_reopens(name, loop):
    kind, how = causal(name)
    log = []
    cached, exact = PrefixCached(TransformersNetwork(module(kind), BLOCK), how, VOCABULARY), plain(kind, how, BLOCK)
    got = decode(watched(cached, exact, log), seed=1, **LOOPS[loop])
    assert max(log) < 2e-4 and len(log) > 2
    assert torch.equal(got, decode(exact, seed=1, **LOOPS[loop]))


def test_a_prefix_cache_is_used():
    kind, how = causal("SDAR")
    cached = PrefixCached(TransformersNetwork(module(kind), BLOCK), how, VOCABULARY)
    state = State.blank([list(range(10)) * 4], 16)
    sample(cached, state, schedule=Blocks(BLOCK), commit=TopK())
    steps = 16
    assert cached.forwarded < 0.45 * steps * 56  # 56 positions a pass without it
    before = cached.forwarded
    sample(cached, state, schedule=Blocks(BLOCK), commit=TopK())  # the same text again: all of it is known already
    assert cached.forwarded - before < before


def test_a_cache_that_holds_other_texts_is_not_believed():
    """Prompts that share a beginning, a middle or nothing; each decode as if it were alone."""
    kind, how = causal("SDAR")
    cached = PrefixCached(TransformersNetwork(module(kind), BLOCK), how, VOCABULARY, remember=2)
    prompts = [[1] * 9, [1] * 8 + [2], [1, 1, 1, 1, 5, 1, 1, 1, 1], [2] * 9, [1] * 5]
    for ids in prompts * 2:
        state = State.blank([ids], 8)
        alone = sample(plain(kind, how, BLOCK), state, schedule=Blocks(BLOCK))
        assert torch.equal(sample(cached, state, schedule=Blocks(BLOCK)).tokens, alone.tokens)
        assert len(cached._kept) <= 2


@pytest.mark.parametrize("cache", ["prefix", "approximate"])
def test_threads_share_a_cache(cache):
    kind, how = causal("SDAR")
    if cache == "prefix":
        cached = PrefixCached(TransformersNetwork(module(kind), BLOCK), how, VOCABULARY, remember=3)
    else:
        how = spec("mask", cache="approximate", block_length=BLOCK)
        cached = ApproximateCached(TransformersNetwork(module(kind)), how, VOCABULARY, remember=3)

    def told(first):
        state = State.blank([[first, n % 7, n % 3] * 3 for n in range(4)], 8)
        return sample(cached, state, schedule=Blocks(BLOCK)).tokens

    alone = [told(first) for first in range(4)]
    often = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(told, [*range(4)] * 2))
    finally:
        sys.setswitchinterval(often)
    assert all(torch.equal(one, alone[n % 4]) for n, one in enumerate(found))


@pytest.mark.parametrize("name", HOW)
@pytest.mark.parametrize("lengths", [(8, 8), (9, 6), (1, 5)])
def test_only_the_active_block_is_forwarded_and_its_rows_are_exact(name, lengths):
    """And nothing is said of what is behind it."""
    kind, how = causal(name)
    cached = PrefixCached(TransformersNetwork(module(kind), BLOCK), replace(how, ahead=0), VOCABULARY)
    exact = plain(kind, how, BLOCK)
    state = State.blank([[3] * length for length in lengths], LENGTH)
    for _ in range(LENGTH):
        state = cached.noise(state)
        before, near, far = cached.forwarded, cached(state), exact(state)
        fewest = 0
        for row, length in enumerate(lengths):
            first = int(state.open[row].to(torch.uint8).argmax())
            ahead = how.logit_shift or how.first_token_ar  # a block's last row speaks of the next one's first token
            end = ((length + first) // BLOCK + 1) * BLOCK - length + ahead
            assert torch.allclose(near[row, first:end, :5], far[row, first:end, :5], atol=2e-4)
            assert not near[row, end:, :5].any(), "flat"
            fewest += BLOCK + 1 + (length + first) // BLOCK * BLOCK
        assert cached.forwarded - before <= fewest
        write = torch.arange(LENGTH)[None] == state.open.to(torch.uint8).argmax(dim=1, keepdim=True)
        state = state.write(write, torch.full((2, LENGTH), 7))
    assert cached.forwarded <= sum(length + LENGTH + (LENGTH + 2) * (BLOCK + 1) for length in lengths), (
        "a block a step, and each block once more when it is done"
    )


@pytest.mark.parametrize("name", HOW)
@pytest.mark.parametrize("length", [5, 8])
def test_blocks_that_are_aligned_with_the_attention_write_the_same_whatever_is_forwarded(name, length):
    kind, how = causal(name)
    loop = {"schedule": Blocks(BLOCK, aligned=True), "commit": Threshold(0.5)}
    state = State.blank([[4] * length, [6] * 7], LENGTH)
    near = PrefixCached(TransformersNetwork(module(kind), BLOCK), replace(how, ahead=0), VOCABULARY)
    far = PrefixCached(TransformersNetwork(module(kind), BLOCK), how, VOCABULARY)
    want = sample(plain(kind, how, BLOCK), state, **loop).tokens
    assert torch.equal(sample(near, state, **loop).tokens, want)
    assert torch.equal(sample(far, state, **loop).tokens, want)
    assert near.forwarded < far.forwarded


def test_a_constraint_holds_over_blocks_that_are_not_forwarded():
    kind, how = causal("Fast-dLLM v2")
    whole = Regex(r"\d{4}-\d{2}-\d{2}").compile(VOCABULARY)
    cached = drive(TransformersNetwork(module(kind), BLOCK), replace(how, cache="prefix", ahead=0), VOCABULARY)
    got = decode(cached, constraint=Tables.same(whole, 3), schedule=Blocks(BLOCK, aligned=True), commit=Threshold(0.7))
    assert all(whole.walk(row) == whole.tail for row in got)


def test_a_bound_on_a_text_asks_for_every_position():
    kind, how = causal("Fast-dLLM v2")
    network = TransformersNetwork(module(kind), BLOCK)
    far = drive(network, replace(how, cache="prefix"), VOCABULARY)
    assert torch.isfinite(elbo(far, [[1, 2]], [[3, 4, 5]]).mean).all()
    with pytest.raises(ModelError, match="ahead=1"):
        elbo(drive(network, replace(how, cache="prefix", ahead=1), VOCABULARY), [[1, 2]], [[3, 4, 5]])
    with pytest.raises(ModelError, match="ahead=-1"):
        replace(how, ahead=-1)


@pytest.mark.parametrize("name", HOW)
def test_the_cache_keeps_each_row_once(name):
    """An entry takes the place of those that are its own beginning, and texts that nobody asks about go."""
    kind, how = causal(name)
    cached = PrefixCached(TransformersNetwork(module(kind), BLOCK), how, VOCABULARY)
    rows = [State.blank([[token] * 9], 16) for token in (1, 2, 3)]
    for state in rows:
        sample(cached, state, schedule=Blocks(BLOCK), commit=TopK())
        others = [kept for kept in cached._kept.values() if kept.ids[0] == state.prompt[0][0]]
        assert len(others) == 1 and len(others[0].ids) <= 9 + 16
    assert len(cached._kept) <= 2, "sixteen steps of the third: the first is let go"
    assert cached._used.keys() == cached._kept.keys()


@pytest.mark.parametrize("name", HOW)
@pytest.mark.parametrize("kind_of", ["cached", "plain"])
def test_the_head_runs_on_the_rows_of_the_canvas_alone(name, kind_of):
    kind, how = causal(name)
    network = TransformersNetwork(module(kind), BLOCK)
    denoiser = (PrefixCached if kind_of == "cached" else CallableDenoiser)(network, how, VOCABULARY)
    exact, seen = plain(kind, how, BLOCK), []
    state = denoiser.noise(State.blank([prompt(0), prompt(0)], LENGTH))
    watch = network.module.lm_head.register_forward_hook(lambda head, inputs, out: seen.append(tuple(out.shape[:2])))
    got = denoiser(state)
    watch.remove()
    rows = network_rows(len(state.prompt[0]), LENGTH, how)
    assert seen == [(2, int(rows[-1] - rows[0]) + 1)] or (kind_of == "cached" and seen[0][1] <= LENGTH + 1)
    assert torch.allclose(got[:, :, :5], exact(state)[:, :, :5], atol=2e-4)


def test_the_first_token_of_a_block_is_read_from_the_row_before_it():
    ids = torch.randint(0, 15, (1, 12), generator=torch.Generator().manual_seed(1))

    def network(tokens):  # row i says only: i
        rows = torch.arange(tokens.shape[1], dtype=torch.float32)
        return rows[None, :, None].expand(len(tokens), -1, SIZE).clone()

    how = spec("mask", attention="block_causal", block_length=4, first_token_ar=True)
    state = State.blank([ids[0, :6]], 8)
    rows = from_callable(network, how, VOCABULARY)(state)[0, :, 0]
    assert rows.tolist() == [6, 7, 7, 9, 10, 11, 11, 13]  # positions 6..13; 8 and 12 begin a block


def test_the_constraint_still_sees_the_whole_canvas():
    kind, how = causal("SDAR")
    whole = Regex(r"\d{4}-\d{2}-\d{2}").compile(VOCABULARY)
    cached = PrefixCached(TransformersNetwork(module(kind), BLOCK), how, VOCABULARY)
    got = decode(cached, constraint=Tables.same(whole, 3), schedule=Blocks(BLOCK), commit=Threshold(0.7))
    want = decode(
        plain(kind, how, BLOCK), constraint=Tables.same(whole, 3), schedule=Blocks(BLOCK), commit=Threshold(0.7)
    )
    assert torch.equal(got, want)
    for row in got:
        assert whole.walk(row) == whole.tail


def test_only_block_causal_attention_has_an_exact_cache():
    with pytest.raises(ModelError, match='attention="full" has no exact prefix cache'):
        PrefixCached(TransformersNetwork(module("qwen3")), spec("mask"), VOCABULARY)
    with pytest.raises(ModelError, match="no approximate cache"):
        ApproximateCached(TransformersNetwork(module("qwen3")), causal("SDAR")[1], VOCABULARY)
    with pytest.raises(ModelError, match="no approximate cache"):
        ApproximateCached(TransformersNetwork(module("qwen3")), spec("uniform", block_length=4), VOCABULARY)


def test_an_encoder_keeps_no_keys_and_values():
    from transformers import BertConfig, BertForMaskedLM

    shape = {"hidden_size": 8, "num_attention_heads": 1, "num_hidden_layers": 1, "intermediate_size": 8}
    encoder = TransformersNetwork(BertForMaskedLM(BertConfig(vocab_size=SIZE, **shape)))
    with pytest.raises(ModelError, match="BertForMaskedLM keeps no keys and values"):
        drive(encoder, spec("mask", cache="approximate", block_length=4), VOCABULARY)


def test_the_spec_says_which_denoiser_drives_the_network():
    network, block = TransformersNetwork(module("qwen3"), BLOCK), {"attention": "block_causal", "block_length": BLOCK}
    assert isinstance(drive(network, spec("mask", cache="prefix", **block), VOCABULARY), PrefixCached)
    assert isinstance(drive(network, spec("mask", **block), VOCABULARY), CallableDenoiser)
    near = drive(network, spec("mask", cache="approximate", block_length=BLOCK), VOCABULARY)
    assert isinstance(near, ApproximateCached)
    with pytest.raises(ModelError, match="block_length=None"):
        drive(network, spec("mask", cache="approximate"), VOCABULARY)


def by_hand(kind, how, ids, masked, inside):
    """What the approximate cache computes, in one pass: the masked text, and behind it the window's own text as further
    tokens at the same positions, which see everything but the masked window; nothing sees them."""
    L, Q = len(masked), len(inside)
    text = torch.cat([masked, ids[inside]])
    at = torch.cat([torch.arange(L), inside])
    hidden = torch.zeros(L + Q, L + Q, dtype=torch.bool)
    hidden[:L, L:] = True
    hidden[L:, inside] = True
    mask = torch.zeros(L + Q, L + Q).masked_fill(hidden, torch.finfo(torch.float32).min)[None, None]
    with torch.inference_mode():
        out = module(kind)(input_ids=text[None], attention_mask=mask, position_ids=at[None], use_cache=False).logits[0]
    rows = out[:L].clone()
    rows[inside] = out[L:]
    return rows


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("dual", [True, False])
def test_an_approximate_cache_is_what_it_says(shift, dual):
    how = spec("mask", logit_shift=shift, block_length=BLOCK)
    cached = ApproximateCached(TransformersNetwork(module("qwen2")), how, VOCABULARY, dual=dual)
    rng = np.random.default_rng(2)
    for n in range(12):
        given = torch.from_numpy(np.where(rng.random((2, LENGTH)) < 0.1, 5, -1))
        state = State.blank([prompt(n), prompt(n + 1)], LENGTH, written=given)
        first = n % 3 * BLOCK
        done = torch.arange(LENGTH)[None] < first
        some = torch.from_numpy(rng.random((2, LENGTH)) < 0.4) & (torch.arange(LENGTH) < first + BLOCK)
        state = cached.noise(state.write(done | some, torch.from_numpy(rng.integers(0, 15, (2, LENGTH)))))
        got = cached(state)
        for row in range(2):
            if not state.open[row].any():
                continue
            before = len(state.prompt[row])
            ids = torch.cat([state.prompt[row], state.tokens[row]])
            start = int(state.open[row].to(torch.uint8).argmax()) // BLOCK * BLOCK
            window = torch.arange(start, min(start + BLOCK, LENGTH))
            masked = ids.clone()
            masked[before + window[state.status[row, window] != int(Status.FIXED)]] = how.mask_id
            end = before + (start + BLOCK if dual else LENGTH)
            inside = torch.arange(before + start - shift, min(end, before + LENGTH))
            rows = by_hand("qwen2", how, ids, masked, inside)
            want = rows[torch.arange(before, before + LENGTH) - shift]
            seen = got[row] > -torch.inf
            assert (got[row][seen] - want[seen])[state.open[row].nonzero()[0, 0] :].abs().max() < 2e-4


def test_an_approximate_cache_forwards_less_says_what_it_loses_and_repeats_itself():
    how = spec("mask", block_length=BLOCK)
    cached = ApproximateCached(TransformersNetwork(module("qwen2")), how, VOCABULARY)
    exact = plain("qwen2", how)
    start = State.blank([prompt(0), prompt(1), prompt(0)], LENGTH, seed=4)
    loop = {"schedule": Blocks(BLOCK), "commit": TopK(), "propose": Draw()}
    first = sample(cached, start, **loop).tokens
    assert cached.forwarded < 0.7 * 3 * LENGTH * (LENGTH + 4)
    for row in range(3):  # whatever was decoded beside it or before it
        assert torch.equal(sample(cached, start.gather([row]), **loop).tokens[0], first[row])
    begun = cached.noise(start)
    assert cached.error(begun).worst < 1e-6 and cached.error(begun).same == 1  # nothing is written yet: nothing is lost
    later = cached.noise(start.write(torch.arange(LENGTH)[None] == 1, torch.full((3, LENGTH), 7)))
    lost = cached.error(later)
    p, q = exact(later).log_softmax(-1)[later.open], cached(later).log_softmax(-1)[later.open]
    kl = torch.where(p > -torch.inf, p.exp() * (p - q), 0.0).sum(-1)
    assert lost.kl == pytest.approx(float(kl.mean()), abs=1e-6) and lost.worst == pytest.approx(
        float(kl.max()), abs=1e-6
    )
    assert 0 < lost.kl < lost.worst and 0 <= lost.same <= 1


@pytest.mark.parametrize("kind", ["prefix", "approximate"])
def test_a_batch_that_does_not_fit_beside_a_cache_is_halved_and_not_tried_again(kind, monkeypatch):
    """A cached pass takes memory as every other does: halves give the logits of the whole."""

    def made():
        if kind == "prefix":
            return PrefixCached(TransformersNetwork(module("qwen3"), BLOCK), causal("SDAR")[1], VOCABULARY)
        return ApproximateCached(
            TransformersNetwork(module("qwen2")), spec("mask", cache="approximate", block_length=BLOCK), VOCABULARY
        )

    state = made().noise(State.blank([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 9))
    begun = state.write(torch.arange(9)[None].expand(3, 9) < 2, torch.full((3, 9), 4))
    expected, sizes, whole = [made()(one) for one in (state, begun)], [], keys_values._forward

    def narrow(module, ids, *more):
        sizes.append(len(ids))
        if len(ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(module, ids, *more)

    monkeypatch.setattr(keys_values, "_forward", narrow)
    fresh = made()
    with pytest.warns(RuntimeWarning, match="3 rows of"):
        assert torch.allclose(fresh(state), expected[0], atol=1e-5)
    assert sizes == [3, 2, 1]
    assert torch.allclose(fresh(begun), expected[1], atol=1e-5)
    assert 3 not in sizes[1:], "what did not fit is not tried again"
