"""What is asked beside strings and marginals, under Triton's interpreter: three rows of different tables, lengths and
written positions, against trying every string."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip("triton")

from ctrldiff.errors import Infeasible, LogitsInvalid
from ctrldiff.posterior import lawful, passing, queries, sweeps
from ctrldiff.posterior.chain import ChainPosterior, bind_rows
from ctrldiff.sampling.constrain import Chosen, LeftmostFirst
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.oracles import Case, possible_tokens, table_of, try_every_string, weights_along, with_weights
from tests.posterior.gpu.there import batch, bind

TOKENS = [b"a", b"b", b"ab", b"c", None, None]
WORDS = Vocabulary.from_tokens(TOKENS, stop_ids=[4], pad_id=5)
# A text is any of these bytes, by state: what is read leads on. The first: (ab|c)*; the second: a+(b|cc)?; then a?b*c.
MOVES = (
    ({(0, "a"): 1, (1, "b"): 0, (0, "c"): 0}, {0}),
    ({(0, "a"): 1, (1, "a"): 1, (1, "b"): 2, (1, "c"): 3, (3, "c"): 2}, {1, 2}),
    ({(0, "a"): 1, (0, "b"): 1, (1, "b"): 1, (0, "c"): 2, (1, "c"): 2}, {2}),
)


def case(which: int, length: int, seed: int, kind: str) -> Case:
    """Scores of one automaton, some of its positions written as a legal string has them."""
    rng = np.random.default_rng([which, length, seed])
    moves, ends = MOVES[which]
    step = np.full((4, 256), -1, np.int32)
    for (state, byte), after in moves.items():
        step[state, ord(byte)] = after
    scores = rng.integers(-2, 1, (length, 6)) if kind == "ties" else rng.normal(size=(length, 6), scale=2)
    if kind == "forbidden":
        scores[rng.random(scores.shape) < 0.1] = -np.inf
    scores = np.float32(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True).astype(np.float64))
    scores = torch.from_numpy(scores).bfloat16().float().numpy() if kind == "ties" else scores
    one = Case(step, np.isin(np.arange(4), list(ends)), WORDS, scores, np.full(length, -1))
    strings = try_every_string(one).strings
    some = rng.random(length) < 0.3
    return replace(one, written=np.where(some, strings[rng.integers(len(strings))], -1))


def rows(seed: int, kind: str):
    """Three rows at 5, 7 and 9 positions, bound by the kernels and by the host, and of each its truth."""
    cases = [case(which, length, seed, kind) for which, length in enumerate((5, 7, 9))]
    some = [(one, table_of(one), try_every_string(one)) for one in cases]
    tables, x, written = batch(some)
    x = x.nan_to_num(0.0, neginf=-np.inf)
    there = bind(tables, x.bfloat16() if kind == "ties" else x, written)
    return some, there, bind_rows(tables, x, torch.from_numpy(written))


@pytest.fixture
def no_host(monkeypatch):
    """Nothing is swept or asked on the host."""
    for module, names in (
        (queries, ("log_z_given", "feasible", "score", "forced", "ends", "top", "log_z", "marginals")),
        (passing, ("leading", "best_strings")),
        (lawful, ("feasible", "score", "leading", "strings")),
        (sweeps, ("sweep_max", "sweep_sum", "flow", "live")),
    ):
        for name in names:
            monkeypatch.setattr(module, name, lambda *_, name=name, **__: pytest.fail(f"{name} on the host"))


@pytest.mark.parametrize("kind", ["normal", "forbidden", "ties"])
def test_three_rows_of_any_kind_are_as_if_every_string_was_tried(kind, no_host):
    some, there, _ = rows(3, kind)
    keep = np.random.default_rng(5).random((3, 9)) < 0.4
    asked = [np.zeros((3, 9), np.int64) for _ in range(2)]  # a string that is legal, one that may not be
    for b, (one, _, truth) in enumerate(some):
        T = one.length
        for tokens in asked:
            tokens[b, T:] = WORDS.stop_ids[0]
        asked[0][b, :T] = truth.strings[truth.best()[-1]]
        asked[1][b, :T] = np.random.default_rng([6, b]).integers(0, 6, T)
    told = [(there.log_z_given(v, keep), there.feasible(v, keep), there.score(v)) for v in asked]
    forced, ends, (best, probs) = there.forced(), there.ends(), there.top(3)
    for b, (one, table, truth) in enumerate(some):
        T = one.length
        for tokens, (given, fits, score) in zip(asked, told):
            agree = truth.agreeing(tokens[b, :T], keep[b, :T])
            want = np.logaddexp.reduce(truth.weights[agree], initial=-np.inf)
            assert float(given[b]) == pytest.approx(want, abs=1e-9)
            free = replace(one, written=np.where(keep[b, :T] & (one.written < 0), tokens[b, :T], one.written))
            clash = (keep[b, :T] & (one.written >= 0) & (one.written != tokens[b, :T])).any()
            assert bool(fits[b]) == (not clash and try_every_string(free).log_z > -np.inf)
            whole = truth.weights[truth.agreeing(tokens[b, :T], np.ones(T, bool))].sum() if agree.any() else -np.inf
            legal = truth.agreeing(tokens[b, :T], np.ones(T, bool)).any()
            assert float(score[b]) == pytest.approx(whole - truth.log_z if legal else -np.inf, abs=1e-9)
        only = [len(tokens) == 1 for tokens in possible_tokens(one)]
        assert forced[b, :T].tolist() == only
        marginals = truth.marginals(6)
        np.testing.assert_allclose(probs[b, :T], -np.sort(-marginals, axis=1)[:, :3], atol=2e-6)
        np.testing.assert_allclose(np.take_along_axis(marginals, best[b, :T].numpy(), 1), probs[b, :T], atol=2e-6)
        assert ((best[b, :, :-1] < best[b, :, 1:]) | (probs[b, :, :-1] > probs[b, :, 1:])).all()
        want_ends = np.zeros(ends.shape[1])
        for string, p in zip(truth.strings, truth.probs):
            want_ends[end_of(table, string)] += p
        np.testing.assert_allclose(ends[b], want_ends, atol=1e-9)


def end_of(table, string) -> int:
    """The state in which a text ends, edge by edge."""
    a, state = table.automaton, 0
    for v in string:
        for e in np.flatnonzero(a.edge_from == state):
            k = a.edge_label[e]
            if a.token_class[v] in a.label_classes[a.label_ptr[k] : a.label_ptr[k + 1]]:
                if a.edge_to[e] == a.tail:
                    return state
                state = int(a.edge_to[e])
                break
    return state


def test_a_raw_score_is_worth_what_its_log_probability_is():
    some, there, _ = rows(4, "normal")
    tables, x, written = batch(some)
    x = x.nan_to_num(0.0, neginf=-np.inf)
    far = x + torch.arange(9)[None, :, None] * 8  # scores that are no log-probabilities
    host = bind_rows(tables, far, torch.from_numpy(written), raw=True)
    raw, tokens = bind(tables, far, written, raw=True), there.map()
    keep = torch.from_numpy(np.random.default_rng(1).random((3, 9)) < 0.5)
    want = host.log_z_given(tokens, keep)
    np.testing.assert_allclose(raw.log_z_given(tokens, keep), want, atol=1e-5)
    np.testing.assert_allclose(raw.score(tokens), host.score(tokens), atol=1e-5)
    # The wrong way: the clamped rows' own log Z leaves the kept tokens' scores out.
    assert not np.allclose(raw.clamp(tokens, keep).log_z(), want, atol=1e-2)


def test_branches_are_weighed_where_the_logits_are(no_host):
    some, there, _ = rows(1, "normal")
    ours = ChainPosterior(there.rows[2:], there.port, bind([some[2][1]], *one_row(some[2])).swept)
    part = table_of(replace(some[2][0], accept=np.array([False, False, True, False]), step=without(some[2][0].step)))
    told, truth = ours.branch_probs({"c": part})["c"], some[2][2]
    inside = [p for s, p in zip(truth.strings, truth.probs) if s[0] == 3]  # those that begin with c
    assert float(told[0]) == pytest.approx(sum(inside), abs=1e-9)


def one_row(one):
    """The logits and what is written of a case, as a batch."""
    return torch.from_numpy(one[0].log_probs)[None], one[0].written[None]


def without(step):
    """The automaton without a or b at the beginning."""
    out = step.copy()
    out[0, [ord("a"), ord("b")]] = -1
    return out


# --- the first choice --------------------------------------------------------------------------------------------


def first_choice(one: Case, table, weighted: bool) -> tuple[int, float]:
    """The best token at the leftmost open position, by its score and the mean factor of weights, over all strings."""
    truth, t = try_every_string(one), int(np.argmax(one.written < 0))
    along = np.array([weights_along(table, string) for string in truth.strings]) * weighted
    gains = {}
    for v in sorted(set(truth.strings[:, t].tolist())):
        own = truth.strings[:, t] == v
        if truth.weights[own].max() > -np.inf:
            sums = [np.logaddexp.reduce(truth.weights[own] + factor) for factor in (along[own], 0)]
            gains[v] = float(one.log_probs[t, v]) + sums[0] - sums[1]
    token = max(gains, key=lambda v: (round(gains[v], 9), -v))
    return token, float(np.exp(one.log_probs[t, token]))


def heavier(table, seed):
    """The table with weights that few choices withstand."""
    found = with_weights(table, np.random.default_rng(seed))
    return replace(found, automaton=replace(found.automaton, edge_weight=4 * found.automaton.edge_weight))


def test_a_prior_s_factors_count_in_the_first_choice(no_host):
    weighs = 0
    for seed in (0, 2):
        some, _, _ = rows(seed, "normal")
        heavy = [(one, heavier(table, seed), truth) for one, table, truth in some]
        tables, x, written = batch(heavy)
        x = x.nan_to_num(0.0, neginf=-np.inf)
        tokens, sure, _ = bind(tables, x, written).leading()
        for b, (one, table, _) in enumerate(heavy):
            t = int(np.argmax(one.written < 0))
            want = first_choice(one, table, True)
            assert (int(tokens[b, t]), float(sure[b])) == (want[0], pytest.approx(want[1], abs=1e-6))
            weighs += want[0] != first_choice(one, table, False)[0]
    assert weighs > 0  # else choices without factors would have passed


def test_the_first_choice_is_written_as_the_host_would():
    believed = 0.9  # of one row or more the model's own choice, of others the best string's
    _, there, host = rows(2, "normal")
    give = lambda posterior: LeftmostFirst(Given(posterior), believed).bind(None, None)  # noqa: E731
    ours, want = give(there), give(host)
    assert isinstance(ours, Chosen) and ours.posterior.swept.before is there.swept
    tokens = want.map()
    assert ours.map().tolist() == tokens.tolist()
    for name in ("confidence", "legal", "local"):
        np.testing.assert_allclose(getattr(ours, name)(tokens), getattr(want, name)(tokens), atol=2e-6)
    assert [row.written.tolist() for row in ours.rows] == [row.written.tolist() for row in want.rows]
    lost = (host.leading()[2] < 0.9).tolist()
    assert any(lost) and not all(lost)


class Given:
    """A constraint that is bound already."""

    def __init__(self, posterior):
        self.posterior = posterior

    def bind(self, logits, state):
        return self.posterior


# --- what is refused ---------------------------------------------------------------------------------------------


def test_what_is_no_number_is_refused_by_position_or_not_read():
    some, _, host = rows(0, "normal")
    tables, x, written = batch(some)
    x = x.nan_to_num(0.0, neginf=-np.inf)
    at = int(np.flatnonzero(written[1] < 0)[0])
    tokens, keep = host.map(), torch.zeros(3, 9, dtype=torch.bool)
    x[1, at, 2] = torch.nan
    for ask in (
        lambda one: one.log_z_given(tokens, keep),
        lambda one: one.feasible(tokens, keep),
        lambda one: one.score(tokens),
        lambda one: one.ends(),
        lambda one: LeftmostFirst(Given(one)).bind(None, None).map(),
        lambda one: LeftmostFirst(Given(one)).bind(None, None).confidence(tokens),
    ):
        with pytest.raises(LogitsInvalid, match=f"position {at}"):
            ask(bind(tables, x, written))
    keep[1, at] = True
    assert bind(tables, x, written).feasible(tokens, keep).tolist() == [True] * 3  # what is kept counts as written
    with pytest.raises(LogitsInvalid):
        bind(tables, x, written).log_z_given(tokens, keep)


def test_what_cannot_be_clamped_is_refused_as_on_the_host():
    some, there, host = rows(0, "normal")
    tokens, keep = host.map(), torch.zeros(3, 9, dtype=torch.bool)
    t = int(np.flatnonzero(some[2][0].written < 0)[-1])
    tokens[2, :], keep[2, :t] = 5, True
    for written in (tokens, torch.where(keep, tokens, host.map())):
        with pytest.raises(Infeasible) as want:
            host.clamp(written, keep)
        with pytest.raises(Infeasible) as caught:
            there.clamp(written, keep)
        assert str(caught.value) == str(want.value)
