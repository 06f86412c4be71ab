"""The kernels of `posterior/gpu`, under Triton's interpreter, against trying every string and against the host."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("triton")

from ctrldiff.errors import Infeasible, LogitsInvalid
from ctrldiff.posterior import chain, sweeps
from ctrldiff.posterior import row as of
from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.device import DeviceLogits
from ctrldiff.posterior.free import free_table
from ctrldiff.posterior.gpu import workspace
from ctrldiff.posterior.gpu.swept import Swept
from ctrldiff.posterior.gpu.workspace import Workspace
from ctrldiff.posterior.table import Table
from tests.oracles import random_cases, try_every_string, weights_along, with_weights
from tests.posterior import test_deep as deep
from tests.posterior.gpu.there import batch, bind, both, groups

ALL = [(seed, case, table, try_every_string(case)) for seed, case, table in random_cases(0, 120)]
CASES = [one for one in ALL if one[3].log_z > -np.inf]
BATCHES = [some for some in groups(CASES[:64], 4) if len(some) > 2][:6]


@pytest.mark.parametrize("some", BATCHES, ids=[str(i) for i in range(len(BATCHES))])
def test_rows_of_any_tables_and_lengths_are_exact(some):
    tables, x, written = batch(some)
    there, host = both(tables, x, written)
    assert there.map().tolist() == host.map().tolist()
    probs, drawn = there.marginals().numpy(), there.sample(3, seed=1).numpy()
    sure = there.confidence(host.map()).numpy()
    for b, (case, _, truth) in enumerate(some):
        T = case.length
        best = truth.strings[truth.best()[0]]
        assert there.map()[b, :T].tolist() == best.tolist()
        assert there.log_z()[b] == pytest.approx(truth.log_z, abs=1e-9)
        want = truth.marginals(case.vocabulary.size)
        np.testing.assert_allclose(probs[b, :T], want, atol=2e-6)
        np.testing.assert_allclose(sure[b, :T], want[np.arange(T), best], atol=2e-6)
        assert all((truth.strings == one[:T]).all(axis=1).any() for one in drawn[b])
    np.testing.assert_allclose(there.anchored(), host.anchored(), atol=2e-6)


@pytest.mark.parametrize("seed", range(3))
def test_weights_of_edges_count(seed):
    _, case, table, truth = CASES[40 + 7 * seed]
    table = with_weights(table, np.random.default_rng(seed))
    weights = truth.weights + [weights_along(table, string) for string in truth.strings]
    there = bind([table], torch.from_numpy(case.log_probs)[None], case.written[None])
    assert there.map()[0].tolist() == truth.strings[np.argmax(weights)].tolist()
    assert there.log_z()[0] == pytest.approx(np.logaddexp.reduce(weights), abs=1e-9)


def test_masses_apart_by_thousands_of_nats_are_weighed_there_too():
    """They add up in logarithms, relative to the largest of each sum: nothing is too far below another."""
    tables, scores, truths = zip(*(deep.case(kind, 2) for kind in ("plain", "weighted")))
    there = bind(tables, torch.from_numpy(np.stack(scores)), np.full((2, deep.T), -1))
    probs = there.marginals()
    for b, truth in enumerate(truths):
        assert there.log_z()[b] == pytest.approx(truth.log_z, rel=1e-9)
        np.testing.assert_allclose(probs[b], truth.marginals(5), atol=2e-6)


def test_several_programs_a_row_find_the_same(monkeypatch):
    tables, x, written = batch(BATCHES[1])
    alone = bind(tables, x, written)
    want = alone.map().tolist(), alone.log_z().tolist()
    monkeypatch.setattr(workspace, "ALONE", 1)
    monkeypatch.setattr(workspace, "TILE", 64)  # so that a line is more than one tile
    apart = bind(tables, x, written)
    assert apart.map().tolist() == want[0]
    assert apart.log_z().tolist() == pytest.approx(want[1], abs=1e-12)


@pytest.mark.parametrize("number, raw", [(3, False), (5, True)])
def test_a_string_is_worth_what_the_host_says(number, raw):
    tables, x, written = batch(BATCHES[number])
    there, host = both(tables, x, written, raw)
    wrong = torch.from_numpy(np.random.default_rng(0).integers(0, x.shape[2], written.shape))
    for tokens in (host.map(), torch.where(torch.from_numpy(written) < 0, wrong, torch.from_numpy(written))):
        for name in ("surprise", "local", "legal"):
            np.testing.assert_allclose(getattr(there, name)(tokens), getattr(host, name)(tokens), atol=2e-6)
    for one, other in zip(there.leading(), host.leading()):
        np.testing.assert_allclose(one, other, atol=2e-6)
    for name in ("margin", "entropy"):
        np.testing.assert_allclose(getattr(there, name)(), getattr(host, name)(), atol=2e-6)


def test_the_first_choice_under_weights_is_the_host_s():
    _, case, table, _ = next(one for one in CASES[40:] if (one[1].written < 0).all())
    table = with_weights(table, np.random.default_rng(0))
    there, host = both([table], torch.from_numpy(case.log_probs)[None], case.written[None])
    for one, other in zip(there.leading(), host.leading()):
        np.testing.assert_allclose(one, other, atol=2e-6)


# --- what logits can be ------------------------------------------------------------------------------------------


def wide(seed: int, dtype: torch.dtype, positions: int = 3, size: int = 2500) -> tuple[Table, torch.Tensor]:
    """Any string of 2,500 tokens, so that a class is cut into segments, and scores of which many are equal."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.integers(-9, 3, (1, positions, size)).astype(np.float32) / 4)
    return free_table(size), x.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_halves_are_read_as_they_are_and_ties_go_to_the_smallest_token(dtype):
    table, x = wide(0, dtype)
    open_ = np.full((1, 3), -1)
    there, host = both([table], x, open_, raw=True)
    assert there.map().tolist() == host.map().tolist() == x.float().argmax(-1).tolist()
    exact = torch.logsumexp(x.double(), -1)
    np.testing.assert_allclose(there.swept.work.line[0], exact[0], rtol=1e-12)
    assert there.log_z()[0] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(there.marginals(), host.marginals(), atol=1e-6)


def test_logits_of_any_layout_are_read_in_place():
    table, x = wide(1, torch.float32)
    layout = torch.full((3, 2, 2500), -np.inf).transpose(0, 1)
    layout[1] = x[0]
    layout[0] = x[0].flip(0)
    assert bind([table] * 2, layout, np.full((2, 3), -1)).map()[1].tolist() == x[0].argmax(-1).tolist()


def test_scores_of_ten_thousand_cost_no_digits():
    _, case, table, _ = CASES[3]
    x = torch.from_numpy(np.round(case.log_probs * 256) / 256)[None]
    plain, far = (bind([table], x + c, case.written[None]) for c in (0.0, 10_000.0))
    assert far.map().tolist() == plain.map().tolist()
    np.testing.assert_allclose(far.marginals(), plain.marginals(), atol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_what_is_no_number_is_refused_by_position(value, dtype):
    table, x = wide(2, dtype)
    x[0, 1, 2400] = value
    there = bind([table, table], torch.cat([x, x]), np.array([[-1, 5, -1], [-1, -1, -1]]))  # there it is not read
    assert there.swept.map() is None
    with pytest.raises(LogitsInvalid) as caught:
        there.map()
    assert "position 1" in str(caught.value) and "row 1" in str(caught.value)
    with pytest.raises(LogitsInvalid):
        there.marginals()


def test_what_is_forbidden_altogether_is_refused_as_on_the_host():
    fits = [(case, table) for _, case, table, truth in ALL if truth.log_z == -np.inf and len(truth.strings)]
    assert len(fits) > 1
    for case, table in fits[:2]:
        x = torch.from_numpy(case.log_probs)[None]
        host = bind_rows([table], x, torch.from_numpy(case.written)[None])
        for ask in ("map", "log_z", "marginals", "anchored", "sample"):
            with pytest.raises(Infeasible) as here:
                getattr(host, ask)()
            with pytest.raises(Infeasible) as caught:
                getattr(bind([table], x, case.written[None]), ask)()
            assert str(caught.value) == str(here.value)


# --- draws -------------------------------------------------------------------------------------------------------


def philox(key: int, counter: tuple[int, int, int, int]) -> list[int]:
    """Ten rounds of Philox 4x32, as published (Salmon et al. 2011): four words of 32 bits."""
    a, b, c, d = counter
    k0, k1 = key & 0xFFFFFFFF, key >> 32
    for _ in range(10):
        hi_a, lo_a = divmod(0xD2511F53 * a, 2**32)
        hi_c, lo_c = divmod(0xCD9E8D57 * c, 2**32)
        a, b, c, d = hi_c ^ b ^ k0, lo_c, hi_a ^ d ^ k1, lo_a
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return [a, b, c, d]


def uniforms(key: int, n: int, T: int) -> np.ndarray:
    """(n, T, 3) the numbers of n draws by a key."""
    out = np.empty((n, T, 3))
    for d, t in np.ndindex(n, T):
        words = philox(key, (t, d, 0, 0)) + philox(key, (t, d, 1, 0))[:2]
        out[d, t] = [((a >> 5) * 67108864 + (b >> 6)) / 2**53 for a, b in zip(words[::2], words[1::2])]
    return out


def test_draws_are_the_host_s_by_the_same_numbers():
    differ = 0
    for _, case, table, _ in CASES[50:57]:
        x, written = torch.from_numpy(case.log_probs)[None], case.written[None]
        there, host = both([table], x, written)
        drawn = there.sample(3, seed=3)[0].numpy()
        key = int(np.random.default_rng([3, 0]).integers(2**63))
        chance = uniforms(key, 3, case.length)
        (value,) = of.certain_total(host.rows)
        swept = [table], of.label_sum(host.rows), of.class_sum(host.rows), [value]
        classes = sweeps.walk_sample(*swept, [chance])
        tokens = np.tile(case.written, (3, 1))
        row = host.rows[0]
        last = np.ascontiguousarray(chance[:, :, 2])
        row.scores.logits.draw([row.place], of.every_max(host.rows), classes, [last], [tokens])
        assert drawn.tolist() == tokens.tolist()
        differ += len(np.unique(drawn, axis=0)) > 1
    assert differ > 2  # else nothing was left to chance


def test_a_row_s_draws_are_its_own():
    tables, x, written = batch(BATCHES[0])
    whole = bind(tables, x, written).sample(3, seed=5)
    first = bind(tables[:2], x[:2], written[:2]).sample(2, seed=5)
    assert whole[:2, :2].tolist() == first.tolist()


# --- the seam ----------------------------------------------------------------------------------------------------


def test_what_is_clamped_is_as_if_bound_so_and_logits_are_read_once(monkeypatch):
    tables, x, written = batch(BATCHES[2])
    there, host = both(tables, x, written)
    tokens, keep = host.map(), torch.from_numpy(np.random.default_rng(0).random(written.shape) < 0.4)
    assert there.map().tolist() == tokens.tolist()
    monkeypatch.setattr(Workspace, "read", lambda self: pytest.fail("read again"))
    narrowed, want = there.clamp(tokens, keep), host.clamp(tokens, keep)
    assert narrowed.map().tolist() == want.map().tolist()
    np.testing.assert_allclose(narrowed.log_z(), want.log_z(), atol=1e-6)  # the host sums float32 exponentials
    np.testing.assert_allclose(narrowed.marginals(), want.marginals(), atol=2e-6)


def test_what_the_host_is_asked_for_is_told_by_the_same_read():
    tables, x, written = batch(BATCHES[3])
    there, host = both(tables, x, written)
    tokens = there.map()
    assert there.map(2).tolist() == host.map(2).tolist()
    np.testing.assert_allclose(there.score(tokens), host.score(tokens), atol=1e-6)


def test_a_step_that_was_run_once_allocates_nothing(monkeypatch):
    tables, x, written = batch(BATCHES[4])
    other = bind(tables, torch.where(x > -np.inf, -2 * x, x), written)
    want = bind(tables, x, written)
    work = other.swept.work
    step(work)
    assert work.weight[1].tolist() != want.log_z().tolist()
    work.logits.copy_(x)
    for name in ("empty", "zeros", "full", "tensor", "empty_like", "cat", "from_numpy"):
        monkeypatch.setattr(torch, name, lambda *_, name=name, **__: pytest.fail(f"torch.{name}"))
    step(work)
    monkeypatch.undo()
    assert work.strings.tolist() == want.map().tolist()
    assert work.weight[1].tolist() == want.log_z().tolist()


def step(work: Workspace) -> None:
    """All launches of a step."""
    for launch in (work.read, work.close, work.best, work.sums, work.spread):
        launch()


def test_logits_on_a_cuda_device_are_swept_there_unless_told_otherwise(monkeypatch):
    _, _, table, _ = CASES[0]
    logits, swept = DeviceLogits(SimpleNamespace(device=SimpleNamespace(type="cuda"))), object()
    monkeypatch.setattr(Swept, "of", lambda *_: swept)
    found, read = chain._swept([table], logits, np.full((1, 2), -1), True)
    assert found is swept and read.plain is logits
    monkeypatch.setenv("CTRLDIFF_TRITON", "off")
    assert chain._swept([table], logits, np.full((1, 2), -1), True) == (None, logits)


def test_ordinary_memory_and_other_floats_are_swept_by_the_host():
    _, case, table, _ = CASES[0]
    assert table.bind(torch.from_numpy(case.log_probs), case.written).swept is None
    assert Swept.of([table], torch.from_numpy(case.log_probs)[None].double(), case.written[None], False) is None


def test_a_long_canvas_loses_no_digits():
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(1, 64, 8), scale=3).astype(np.float32))
    there = bind([free_table(8)], x, np.full((1, 64), -1))
    exact = np.logaddexp.reduce(x.numpy().astype(np.float64), axis=2).sum()
    assert there.log_z()[0] == pytest.approx(exact, abs=1e-10)
