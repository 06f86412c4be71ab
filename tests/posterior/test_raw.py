"""A network's logits as they are: nothing is normalised or widened, and every answer is that of log-probabilities."""

import numpy as np
import pytest
import torch

from ctrldiff.errors import CtrldiffError, LogitsInvalid
from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.free import bind_free, free_table
from ctrldiff.sampling.constrain import normalised
from tests.posterior.cases import feasible_cases

QUERIES = {
    "log_z": lambda p, v, keep: p.log_z(),
    "log_z_given": lambda p, v, keep: p.log_z_given(v, keep),
    "score": lambda p, v, keep: p.score(v),
    "surprise": lambda p, v, keep: p.surprise(v),
    "local": lambda p, v, keep: p.local(v),
    "legal": lambda p, v, keep: p.legal(v),
    "confidence": lambda p, v, keep: p.confidence(v),
    "margin": lambda p, v, keep: p.margin(),
    "entropy": lambda p, v, keep: p.entropy(),
    "marginals": lambda p, v, keep: p.marginals(),
    "clamped log_z": lambda p, v, keep: p.clamp(v, keep).log_z(),
    "map": lambda p, v, keep: p.map(),
    "sample": lambda p, v, keep: p.sample(3, seed=0),
    "leading": lambda p, v, keep: torch.cat([torch.as_tensor(one).double().flatten() for one in p.leading()]),
}


def bound(free: bool):
    """Posteriors of raw logits and of their log-probabilities, with a legal string and a part of it."""
    for seed, case, table, _ in feasible_cases()[:60]:
        rng = np.random.default_rng(seed)
        offset = rng.choice([-1e3, 0.0, 40.0], size=(1, len(case.log_probs), 1))
        logits = torch.from_numpy((case.log_probs[None] + offset).astype(np.float32))
        one = free_table(logits.shape[-1]) if free else table
        written = torch.as_tensor(case.written)[None]
        raw = bind_rows([one], logits, written, raw=True)
        told = bind_rows([one], normalised(logits), written)
        keep = torch.from_numpy(rng.random(written.shape) < 0.5)
        yield raw, told, logits, written, one, keep


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("name", QUERIES)
def test_raw_logits_answer_as_log_probabilities_do(name, free):
    for raw, told, *_, keep in bound(free):
        try:
            best = told.map()
        except CtrldiffError as error:
            with pytest.raises(type(error)):
                raw.map()
            continue
        got, want = (QUERIES[name](posterior, best, keep) for posterior in (raw, told))
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=3e-4)  # float32 scores near 1,000


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("name", QUERIES)
def test_other_floats_are_read_as_float32_of_the_same_values(name, dtype):
    for _, _, logits, written, table, keep in bound(False):
        narrow = (logits / 16).to(dtype)
        try:
            best = bind_rows([table], narrow.float(), written, raw=True).map()
        except CtrldiffError:
            continue
        got, want = (QUERIES[name](bind_rows([table], one, written, raw=True), best, keep) for one in
                     (narrow, narrow.float()))  # fmt: skip
        assert np.array_equal(np.asarray(got), np.asarray(want))


def test_a_window_of_a_longer_forward_is_read_in_place():
    whole = torch.randn(2, 9, 50)
    window = whole[:, 3:7]
    posterior, copied = bind_free(window, raw=True), bind_free(window.clone(), raw=True)
    assert posterior.rows[0].scores.logits.in_place.ctypes.data == window.data_ptr()
    assert torch.equal(posterior.map(), copied.map()) and torch.equal(posterior.log_z(), copied.log_z())


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_what_is_no_number_is_refused_by_position(bad, dtype):
    logits = torch.zeros(2, 40, 7, dtype=dtype)
    logits[1, 33, 2] = bad
    for query in ("map", "log_z", "leading"):
        with pytest.raises(LogitsInvalid) as caught:
            getattr(bind_free(logits, raw=True), query)()
        assert (caught.value.row, caught.value.position) == (1, 33)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_halves_are_read_in_place(dtype):
    whole = torch.randn(3, 9, 50).to(dtype)
    window = whole[:, 3:7]
    posterior, copied = bind_free(window, raw=True), bind_free(window.float(), raw=True)
    assert posterior.rows[0].scores.logits.in_place.ctypes.data == window.data_ptr()
    for query in (lambda p: p.map(), lambda p: p.log_z(), lambda p: p.marginals(), lambda p: p.sample(seed=1)):
        assert torch.equal(query(posterior), query(copied))


def test_the_log_sum_of_long_canvases_is_exact():
    logits = torch.randn(1, 4096, 300) * 4 + 1e4
    want = torch.logsumexp(logits.double(), -1).sum()
    assert abs(bind_free(logits).log_z()[0] - want) < 1e-5 * 4096**0.5
    assert abs(bind_free(logits, raw=True).log_z()[0]) < 1e-5


def test_a_clamped_row_goes_on_from_the_sweeps_of_the_row_it_came_from():
    for seed, case, table, _ in feasible_cases()[:150]:
        logits, written = case.log_probs, case.written
        fresh = table.bind(logits, written)
        try:
            tokens = fresh.sample(seed=0)
        except CtrldiffError:
            continue
        keep = np.random.default_rng(seed).random(len(written)) < 0.3
        swept, clean = table.bind(logits, written), table.bind(logits, written).clamp(tokens, keep)
        swept.map(), swept.log_z()
        after = swept.clamp(tokens, keep)
        assert np.array_equal(after.map(), clean.map())
        np.testing.assert_allclose(after.log_z(), clean.log_z(), rtol=1e-12, atol=1e-9)
        np.testing.assert_allclose(after.confidence(tokens), clean.confidence(tokens), atol=1e-6)
        np.testing.assert_allclose(after.local(tokens), clean.local(tokens), atol=1e-6)
        np.testing.assert_allclose(after.anchored(), clean.anchored(), atol=1e-6)
        assert np.array_equal(after.sample(5, seed=1), clean.sample(5, seed=1))
