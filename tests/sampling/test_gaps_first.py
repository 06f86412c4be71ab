"""The first tokens of all gaps are the best together by the evidence there; the rest is exact given these.

By the oracle that tries every string.
"""

from functools import cache

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.sampling.commit import Gaps
from ctrldiff.sampling.constrain import FREE, GapsFirst, LeftmostFirst, Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.state import State, gap_starts
from tests.conftest import NOISES, SIZE, STOP, VOCABULARY, prompt, toy
from tests.guidance import test_field as fielded
from tests.posterior.cases import feasible_cases
from tests.sampling.test_legal import mass_by_trying


def starts_of(is_open, segment):
    """The first position of each gap, by a loop."""
    found = []
    for t, one in enumerate(is_open):
        if one and not (t and is_open[t - 1] and segment[t - 1] == segment[t]):
            found.append(t)
    return found


@cache
def cases():
    """(case, table, truth, segments, starts) of scores without ties, every other canvas in segments, some gap open."""
    found = []
    for seed, case, table, truth in feasible_cases():
        if len(found) == 240:
            break
        open_rows = case.log_probs[case.written < 0]
        if not len(open_rows) or (np.abs(np.exp(open_rows).sum(axis=1) - 1) > 1e-4).any():
            continue  # what is no probability, for masses; and all with ties
        rng = np.random.default_rng(seed)
        segment = np.sort(rng.integers(0, 3, case.length)) if seed % 2 else np.full(case.length, -1)
        found.append((case, table, truth, segment, starts_of(case.written < 0, segment)))
    return found


def bound(make, case, table, segment):
    state = State.blank(
        [[0]],
        case.length,
        written=torch.from_numpy(case.written)[None],
        segments=torch.from_numpy(segment)[None],
    )
    logits = torch.from_numpy(case.log_probs.copy())[None]
    return make(Tables((table,))).bind(logits, state)


def by_trying(case, truth, starts, heard):
    """(N,) the strings that begin every gap as the best one does, of those that can be; (T,) the best of them."""
    alive = truth.weights > -np.inf
    at = sorted(heard)
    own = case.log_probs.astype(np.float64)[at, truth.strings[:, at]].sum(axis=1)
    best = truth.strings[np.where(alive, own, -np.inf).argmax()]
    agree = alive & (truth.strings[:, starts] == best[starts]).all(axis=1)
    return agree, truth.strings[np.where(agree, truth.weights, -np.inf).argmax()]


def gap_at(start, case, starts):
    """All positions of the gap that begins there."""
    gap = [start]
    while gap[-1] + 1 < case.length and case.written[gap[-1] + 1] < 0 and gap[-1] + 1 not in starts:
        gap.append(gap[-1] + 1)
    return gap


@pytest.mark.parametrize("believed", [0.0, 0.3])
def test_the_beginnings_are_the_best_that_can_be_and_the_rest_is_exact_given_them(believed):
    several = lost_ones = other = 0
    for case, table, truth, segment, starts in cases():
        agree, best = by_trying(case, truth, starts, starts)
        masses = mass_by_trying(case, truth, best)
        lost = [t for t in starts if masses[t] < believed]
        heard = {*starts, *(t for start in lost for t in gap_at(start, case, starts))}
        agree, best = by_trying(case, truth, starts, heard)
        masses = mass_by_trying(case, truth, best)

        posterior = bound(lambda inner: GapsFirst(inner, believed), case, table, segment)
        tokens = posterior.map()
        assert tokens[0].tolist() == best.tolist()
        p = np.where(agree, np.exp(truth.weights - truth.weights[agree].max()), 0.0)
        told = (truth.strings == best)[agree].T @ p[agree] / p.sum()
        told[starts] = np.exp(case.log_probs.astype(np.float64)[starts, best[starts]])
        np.testing.assert_allclose(posterior.confidence(tokens)[0], told, rtol=2e-3, atol=1e-5)
        np.testing.assert_allclose(posterior.legal(tokens)[0, starts], masses[starts], rtol=2e-3, atol=1e-6)
        several += len(starts) > 1
        lost_ones += bool(lost) and bool(0 < len(lost) < len(starts))
        other += truth.strings[truth.best()[0]].tolist() != best.tolist()
    assert several > 60 and other > 10, "the best string alone would not pass"
    assert believed == 0 or lost_ones > 10


def test_one_gap_a_row_is_leftmost_first():
    checked = 0
    for case, table, _, _, _ in cases():
        whole = np.full(case.length, -1)
        if len(starts_of(case.written < 0, whole)) > 1:
            continue
        ours, theirs = (bound(make, case, table, whole) for make in (GapsFirst, LeftmostFirst))
        tokens = theirs.map()
        assert torch.equal(ours.map(), tokens)
        for ask in ("confidence", "legal"):
            ours_said, theirs_said = (getattr(one, ask)(tokens) for one in (ours, theirs))
            assert torch.allclose(ours_said, theirs_said, rtol=2e-3, atol=1e-5), ask
        checked += 1
    assert checked > 100


def test_gaps_are_stretches_within_a_segment():
    rng = np.random.default_rng(0)
    is_open, segment = rng.random((40, 7)) < 0.7, np.sort(rng.integers(-1, 2, (40, 7)), axis=1)
    found = gap_starts(torch.from_numpy(is_open), torch.from_numpy(segment))
    assert [row.nonzero()[:, 0].tolist() for row in found] == [starts_of(*one) for one in zip(is_open, segment)]
    assert found.sum() > gap_starts(torch.from_numpy(is_open), torch.zeros(40, 7)).sum()


def test_without_a_constraint_every_position_is_its_own():
    logits = torch.from_numpy(np.float32(np.random.default_rng(2).normal(size=(2, 6, SIZE))))
    state = State.blank([[0], [1]], 6, written=torch.tensor([[-1, -1, 3, -1, -1, -1]] * 2))
    tokens = GapsFirst(FREE).bind(logits, state).map()
    assert torch.equal(torch.where(state.open, logits.argmax(-1), 3), tokens)


@pytest.mark.parametrize("seed", range(4))
def test_in_layers_each_beginning_counts_by_the_layer_it_is_read_by(seed):
    paths = ("a", "b")
    members = fielded.strings()
    member = members[seed * 37][0]
    given = {1 + seed % 3, 3 + seed % 3}
    written = [v if t in given else -1 for t, v in enumerate(member)]
    size, length = fielded.V, fielded.T
    scores = fielded.scores(3, seed)
    state = State.blank([[]], length, written=torch.tensor([written]))
    layered = Tables((fielded.field_table(fielded.SCHEMA, paths, fielded.VOCABULARY),))
    starts = starts_of([t not in given for t in range(length)], [0] * length)
    assert len(starts) > 1
    totals = {}
    for tokens, where in members:
        if all(tokens[t] == written[t] for t in given):
            layers = [paths.index(one) + 1 if one in paths else 0 for one in where]
            own = [float(scores[0, t, layers[t] * size + tokens[t]]) for t in starts]
            key = tuple(tokens[t] for t in starts)
            totals[key] = max(totals.get(key, -np.inf), sum(own))
    found = GapsFirst(layered, believed=0.0).bind(scores, state).map()[0, starts]
    assert tuple(found.tolist()) == max(totals, key=totals.__getitem__)


LENGTH = 9
PATTERN = cd.Regex(r"\d{2,4}-(a|b)+-\d*", ascii=True)


@pytest.mark.parametrize("noise", NOISES)
def test_a_whole_decode_is_a_member_and_does_not_depend_on_its_batch(noise):
    table = PATTERN.compile(VOCABULARY)

    def decode(rows):
        lengths = [LENGTH - row % 3 for row in rows]
        segments = torch.tensor([[0] * 3 + [row % 2] * 3 + [2] * 3 for row in rows])
        written = torch.full((len(rows), LENGTH), -1)
        written[:, 4] = list(VOCABULARY).index(b"-")
        start = State.blank(
            [prompt(row) for row in rows],
            LENGTH,
            seed=5,
            written=written,
            segments=segments,
            lengths=lengths,
            pad_id=STOP,
        )
        constraint = GapsFirst(Tables.same(table, len(rows)))
        return sample(toy(noise), start, constraint=constraint, commit=Gaps(0.5, above=0.6, own=0.3))

    together = decode(range(6))
    for row in range(6):
        alone = decode([row])
        assert VOCABULARY.decode(together.tokens[row].tolist()) in PATTERN
        assert torch.equal(together.tokens[row], alone.tokens[0])
        assert together.forwards[row] == alone.forwards[0]
