"""Truths that hold whatever the case: at any cut, in any batch, in any container, for any draw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

import ctrldiff as cd
from ctrldiff.errors import ConstraintUnsatisfiable
from ctrldiff.kernels.chain import occupancy
from ctrldiff.posterior import row as of
from ctrldiff.posterior import sweeps
from ctrldiff.posterior.arrays import fixed
from ctrldiff.posterior.chain import ChainPosterior, Port, bind_rows
from ctrldiff.posterior.device import DeviceLogits
from ctrldiff.posterior.free import bind_free
from ctrldiff.posterior.row import ClassScores, Row
from ctrldiff.posterior.table import Table
from tests.conftest import SIZE, VOCABULARY
from tests.oracles import Case, Truth, table_of, try_every_string, weights_along, with_weights
from tests.posterior.cases import all_cases, feasible_cases


def test_log_z_is_the_same_at_every_cut():
    """alpha[t] . beta[t] is Z for every t, alpha taken edge by edge in float64."""
    for seed, case, table, truth in feasible_cases()[:300]:
        rows = table.bind(case.log_probs, case.written).rows
        (label_sum,), (total,) = of.label_sum(rows), of.total(rows)
        mass = occupancy(table.scored.chain, table.start, label_sum, total)
        a = table.automaton
        alpha = np.full(table.n_states, -np.inf)
        alpha[0] = 0.0
        for t in range(case.length + 1):
            assert abs(np.logaddexp.reduce(alpha + total[t]) - truth.log_z) < 1e-4, (seed, t)
            if t < case.length:
                step = np.full(table.n_states, -np.inf)
                np.logaddexp.at(step, a.edge_to, alpha[a.edge_from] + label_sum[t, a.edge_label])
                alpha = step
        np.testing.assert_allclose(mass.sum(axis=1), 1.0, atol=1e-9, err_msg=str(seed))


def test_a_row_alone_and_in_a_batch_of_others_is_the_same_bit_for_bit():
    groups: dict[tuple[int, int], list[tuple[int, Case, Table, Truth]]] = {}
    for entry in feasible_cases():
        groups.setdefault(entry[1].log_probs.shape, []).append(entry)
    seen = 0
    for group in groups.values():
        group = group[:7]
        if len(group) < 2:
            continue
        seen += 1
        x, written = (np.stack([getattr(e[1], name) for e in group]) for name in ("log_probs", "written"))
        batch = bind_rows([e[2] for e in group], x, written)
        alone = [e[2].bind(e[1].log_probs, e[1].written) for e in group]
        tokens = batch.map()
        for name in ("map", "log_z", "marginals", "entropy", "margin", "forced", "anchored"):
            want = np.stack([getattr(one, name)() for one in alone])
            assert np.array_equal(getattr(batch, name)(), want), name
        for name in ("score", "confidence", "surprise", "local", "legal"):
            want = np.stack([getattr(one, name)(v) for one, v in zip(alone, tokens)])
            assert np.array_equal(getattr(batch, name)(tokens), want), name
        rng = np.random.default_rng(len(group))
        for asked in (tokens, rng.integers(0, x.shape[2], tokens.shape)):  # some rows agree with what is kept, some not
            keep = rng.random(tokens.shape) < 0.5
            for name in ("log_z_given", "feasible"):
                want = np.stack([getattr(one, name)(v, k) for one, v, k in zip(alone, asked, keep)])
                assert np.array_equal(getattr(batch, name)(asked, keep), want), name
        drawn = batch.sample(3, rngs=[np.random.default_rng(e[0]) for e in group])
        for e, one, got in zip(group, alone, drawn):
            assert np.array_equal(one.sample(3, rngs=[np.random.default_rng(e[0])]), got)
    assert seen >= 10


def test_numpy_and_torch_give_the_same_answers_in_their_own_kind():
    for seed, case, table, _ in feasible_cases()[:100]:
        plain = table.bind(case.log_probs, case.written)
        tensors = table.bind(torch.from_numpy(case.log_probs), torch.from_numpy(case.written))
        tokens = plain.map()
        keep = np.arange(case.length) % 2 == 0
        calls = {
            "map": (),
            "sample": (2,),
            "marginals": (),
            "entropy": (),
            "forced": (),
            "confidence": (tokens,),
        }
        for name, args in calls.items():
            how = {"seed": 3} if name == "sample" else {}
            want = getattr(plain, name)(*args, **how)
            got = getattr(tensors, name)(*(torch.as_tensor(a) if isinstance(a, np.ndarray) else a for a in args), **how)
            assert isinstance(want, np.ndarray) and isinstance(got, torch.Tensor), name
            assert got.numpy().dtype == want.dtype and np.array_equal(got.numpy(), want), (seed, name)
        assert plain.log_z() == tensors.log_z()
        given = tensors.log_z_given(torch.from_numpy(tokens), torch.from_numpy(keep))
        assert plain.log_z_given(tokens, keep) == given


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_float_types_are_read_as_float32(dtype):
    _, case, table, _ = feasible_cases()[0]
    x = torch.from_numpy(np.nan_to_num(case.log_probs, nan=0.0)).to(dtype)
    same = table.bind(x.to(torch.float32), torch.from_numpy(case.written))
    assert table.bind(x, torch.from_numpy(case.written)).log_z() == same.log_z()


def test_any_memory_layout_is_read_right():
    for _, case, table, truth in feasible_cases()[:30]:
        x = np.asfortranarray(case.log_probs)
        x.flags.writeable = False
        assert abs(table.bind(x, case.written).log_z() - truth.log_z) < 1e-4


def test_reducing_on_the_device_agrees_with_reducing_on_the_host():
    """The torch operations meant for accelerators, run on CPU tensors."""
    for seed, case, table, _ in feasible_cases()[:120]:
        host = table.bind(case.log_probs, case.written)
        scores = ClassScores(table, DeviceLogits(torch.from_numpy(case.log_probs[None].copy())), 0)
        device = ChainPosterior((Row(scores, fixed(case.written, np.int64)),), Port(True, torch.device("cpu")))
        tokens = host.map()
        assert np.array_equal(device.map().numpy(), tokens), seed
        assert np.array_equal(device.map(3).numpy(), host.map(3)), seed
        assert np.array_equal(device.sample(3, seed=seed).numpy(), host.sample(3, seed=seed)), seed
        for name in ("marginals", "entropy", "margin"):
            got, want = getattr(device, name)().numpy(), getattr(host, name)()
            np.testing.assert_allclose(got, want, atol=1e-5, err_msg=f"{seed} {name}")
        np.testing.assert_allclose(device.confidence(tokens), host.confidence(tokens), atol=1e-5)
        assert abs(device.log_z() - host.log_z()) < 1e-5, seed
        assert abs(device.score(tokens) - host.score(tokens)) < 1e-5, seed


def test_rows_on_a_device_are_each_read_where_they_stand():
    """Several rows, of different tables, through the torch operations in one call."""
    groups: dict[tuple[int, int], list[tuple[int, Case, Table, Truth]]] = {}
    for entry in feasible_cases():
        groups.setdefault(entry[1].log_probs.shape, []).append(entry)
    for group in [group[:3] for group in groups.values() if len(group) >= 3][:12]:
        x, written = (np.stack([getattr(e[1], name) for e in group]) for name in ("log_probs", "written"))
        host = bind_rows([e[2] for e in group], x, written)
        logits = DeviceLogits(torch.from_numpy(x.copy()))
        rows = [Row(ClassScores(e[2], logits, b), fixed(written[b], np.int64)) for b, e in enumerate(group)]
        device = ChainPosterior(tuple(rows), Port(False, torch.device("cpu")))
        tokens = host.map()
        assert np.array_equal(device.map().numpy(), tokens)
        assert np.array_equal(device.leading()[0].numpy(), host.leading()[0])
        assert np.array_equal(device.sample(3, seed=1).numpy(), host.sample(3, seed=1))
        for name, args in (("marginals", ()), ("entropy", ()), ("confidence", (tokens,)), ("surprise", (tokens,))):
            got, want = getattr(device, name)(*args).numpy(), getattr(host, name)(*args)
            np.testing.assert_allclose(got, want, atol=1e-5, err_msg=name)
        keep = np.arange(x.shape[1])[None] < np.arange(1, len(group) + 1)[:, None]
        np.testing.assert_allclose(device.log_z_given(tokens, keep), host.log_z_given(tokens, keep), atol=1e-5)


def test_what_rows_lack_is_asked_for_in_one_call_and_only_that(monkeypatch):
    _, case, table, _ = next(e for e in feasible_cases() if e[1].length >= 3 and (e[1].written < 0).all())
    asked = []
    work = sweeps.sweep_sum
    monkeypatch.setattr(sweeps, "sweep_sum", lambda tables, *rest: asked.append(len(tables)) or work(tables, *rest))
    posterior = bind_rows([table] * 3, np.stack([case.log_probs] * 3))
    tokens, keep = posterior.sample(seed=0), np.zeros((3, case.length), np.bool_)
    posterior.ends()
    assert asked == [3]
    keep[1, 0] = True  # one row of three gets something new
    clamped = posterior.clamp(tokens, keep)
    clamped.log_z()
    assert asked == [3, 1]
    assert clamped.rows[0] is posterior.rows[0] and clamped.rows[1] is not posterior.rows[1]
    assert posterior.rows[0].known["reach"] is posterior.rows[2].known["reach"]  # equal canvases, one look
    assert not np.array_equal(of.reach(clamped.rows)[0], of.reach(clamped.rows)[1])


def test_best_strings_are_swept_for_once_whatever_of_them_or_of_the_first_choice_is_written(monkeypatch):
    asked, work, others = [], sweeps.sweep_max, 0
    monkeypatch.setattr(sweeps, "sweep_max", lambda tables, *rest: asked.append(len(tables)) or work(tables, *rest))
    for _, case, table, _ in feasible_cases()[:300]:
        posterior = table.bind(case.log_probs, case.written)
        if (case.written >= 0).all():
            continue
        first, best = posterior.leading()[0], posterior.map()
        keep, others = first >= 0, others + bool((first != best)[first >= 0].any())
        asked.clear()
        onward = posterior.clamp(first, keep).map()
        assert np.array_equal(posterior.clamp(best, best % 2 == 0).map(), best) and not asked
        written = np.where(keep, first, case.written)
        assert np.array_equal(onward, table.bind(case.log_probs, written).map()) and sum(asked) == 1
    assert others > 15  # the choice was not always what the best string has there


def test_a_default_step_keeps_no_futures():
    """They take most room by far: 8 bytes a state and position, where a canvas has a hundred megabytes of logits."""
    for _, case, table, _ in feasible_cases()[:100]:
        if (case.written >= 0).all():
            continue
        posterior = table.bind(case.log_probs, case.written)
        first = posterior.leading()[0]
        clamped = posterior.clamp(first, first >= 0)
        tokens = clamped.map()
        clamped.confidence(tokens), clamped.local(tokens), clamped.legal(tokens), clamped.feasible(tokens, first >= 0)
        rows, futures = (*posterior.rows, *clamped.rows), {"best", "total"}
        assert not any(futures & row.known.keys() for row in rows)
        clamped.map(2)
        assert "best" in clamped.rows[0].known  # what is asked for again and again is kept


def test_sampled_frequencies_are_the_probabilities():
    n, checked = 4000, 0
    for seed, case, table, truth in feasible_cases():
        if not 4 <= len(truth.best()) <= 60:
            continue
        drawn = table.bind(case.log_probs, case.written).sample(n, seed=seed)
        index = {tuple(s): i for i, s in enumerate(truth.strings.tolist())}
        counts = np.bincount([index[tuple(s)] for s in drawn.tolist()], minlength=len(truth.strings))
        often = truth.probs * n >= 5
        observed = np.append(counts[often], counts[~often].sum())
        expected = np.append(truth.probs[often], truth.probs[~often].sum()) * n
        if expected[-1] < 5:
            observed, expected = observed[:-1], expected[:-1] * observed[:-1].sum() / expected[:-1].sum()
        if len(observed) > 1:
            checked += 1
            assert chisquare(observed, expected).pvalue > 1e-5, seed
        if checked == 60:
            return
    raise AssertionError(f"only {checked} cases were fit for the test")


def test_seeds_fix_the_draw_and_generators_move_on():
    _, case, table, _ = max(feasible_cases(), key=lambda e: len(e[3].best()))
    posterior = table.bind(case.log_probs, case.written)
    assert np.array_equal(posterior.sample(5, seed=1), posterior.sample(5, seed=1))
    assert not np.array_equal(posterior.sample(5, seed=1), posterior.sample(5, seed=2))
    rng = np.random.default_rng(0)
    assert not np.array_equal(posterior.sample(5, rngs=[rng]), posterior.sample(5, rngs=[rng]))
    assert posterior.sample(seed=1).shape == (case.length,)


def test_weighted_edges_count_like_scores():
    for seed, case, plain, truth in feasible_cases()[:400]:
        if len(truth.strings) > 200:
            continue
        table = with_weights(plain, np.random.default_rng(seed))
        weights = truth.weights + [weights_along(table, s) for s in truth.strings]
        want = Truth(truth.strings, weights)
        posterior = table.bind(case.log_probs, case.written)
        assert abs(posterior.log_z() - want.log_z) < 1e-4, seed
        best = posterior.map()
        index = truth.strings.tolist().index(best.tolist())
        assert weights[index] >= weights.max() - 1e-5, seed
        assert posterior.map(3)[0].tolist() == best.tolist(), seed
        marginals = want.marginals(case.vocabulary.size)
        np.testing.assert_allclose(posterior.marginals(), marginals, atol=1e-4, err_msg=str(seed))
        assert abs(posterior.score(best) - (weights[index] - want.log_z)) < 1e-4, seed


def test_branches_of_a_choice_have_their_exact_probability():
    """Branch: the texts that the automaton accepts in one accepting state. Together they are the whole."""
    checked = 0
    for seed, case, table, truth in feasible_cases():
        if case.accept.sum() < 2:
            continue
        parts, want = {}, {}
        for state in np.flatnonzero(case.accept):
            part = replace(case, accept=np.arange(len(case.accept)) == state)
            try:
                parts[str(state)] = table_of(part)
            except ConstraintUnsatisfiable:  # no text of any length ends there
                continue
            want[str(state)] = np.exp(try_every_string(part).log_z - truth.log_z)
        got = table.bind(case.log_probs, case.written).branch_probs(parts)
        for name, p in want.items():
            assert abs(got[name] - p) < 1e-4, seed
        assert abs(sum(got.values()) - 1.0) < 1e-4, seed
        checked += 1
        if checked == 150:
            return


def test_nothing_constrained_is_independent_positions():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 50)).astype(np.float32)
    x[0, 1, 7] = -np.inf
    posterior = bind_free(x, np.array([[-1, -1, 3, -1], [-1] * 4]))
    log_z = np.logaddexp.reduce(x.astype(np.float64), axis=2)
    log_z[0, 2] = 0.0
    np.testing.assert_allclose(posterior.log_z(), log_z.sum(axis=1), atol=1e-5)
    p = np.exp(x - np.logaddexp.reduce(x, axis=2, keepdims=True))
    p[0, 2] = np.arange(50) == 3
    np.testing.assert_allclose(posterior.marginals(), p, atol=1e-6)
    want = x.argmax(axis=2)
    want[0, 2] = 3
    assert np.array_equal(posterior.map(), want)
    assert np.array_equal(posterior.map(5)[:, 0], want)
    assert posterior.forced().tolist() == [[False, False, True, False], [False] * 4]


def test_huge_gaps_between_logits_lose_nothing():
    """The only legal strings are e^-3000 of what the logits prefer, and still compared exactly."""
    for _, case, table, _ in feasible_cases()[:200]:
        shift = np.where(np.arange(case.vocabulary.size) % 2 == 0, -3000.0, 0.0)
        far = replace(case, log_probs=(case.log_probs + shift).astype(np.float32))
        truth = try_every_string(far)
        posterior = table.bind(far.log_probs, far.written)
        assert abs(posterior.log_z() - truth.log_z) < 1e-2  # float32 logits near -3000 are 2.4e-4 apart
        np.testing.assert_allclose(posterior.marginals(), truth.marginals(case.vocabulary.size), atol=2e-3)


def test_no_positions_is_a_canvas_too():
    empty = next(e for e in all_cases() if e[2].automaton.accept[0])
    posterior = empty[2].bind(np.zeros((0, empty[1].vocabulary.size), np.float32))
    assert posterior.log_z() == 0.0 and posterior.map().shape == (0,)


@pytest.mark.parametrize("offset", [0.0, -30.0, 1e4, 1e5, 1e6, 1e7])
@pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy], ids=["numpy", "torch"])
def test_a_constant_at_a_position_changes_nothing(offset, wrap):
    """The scores are what float32 holds of them; of those the posterior is exact, however far from 0 they are."""
    table = cd.Regex("[ab]{1,4}(-[0-9]{2})?").compile(VOCABULARY)
    rng = np.random.default_rng(3)
    shifted = (rng.normal(size=(7, SIZE)).astype(np.float32) * 2 + np.float32(offset)).astype(np.float32)
    exact = (shifted.astype(np.float64) - shifted.max(axis=1, keepdims=True)).astype(np.float32)
    far, near = table.bind(wrap(shifted)), table.bind(wrap(exact))
    tokens = near.map()
    assert np.asarray(far.map()).tolist() == np.asarray(tokens).tolist()
    np.testing.assert_allclose(np.asarray(far.marginals()), np.asarray(near.marginals()), atol=2e-6)
    np.testing.assert_allclose(np.asarray(far.marginals()).sum(axis=1), 1.0, atol=1e-5)
    for query in ("confidence", "local"):
        found, want = getattr(far, query)(tokens), getattr(near, query)(tokens)
        np.testing.assert_allclose(np.asarray(found), np.asarray(want), atol=2e-6)
    for query in ("margin", "entropy"):
        np.testing.assert_allclose(np.asarray(getattr(far, query)()), np.asarray(getattr(near, query)()), atol=1e-5)
