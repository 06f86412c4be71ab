"""Every query against every string tried."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from ctrldiff.errors import BudgetTooSmall, Infeasible
from tests.oracles import possible_tokens, try_every_string
from tests.posterior.cases import all_cases, feasible_cases, impossible_cases, partial_assignment, written_too

CLOSE = 1e-4


def test_there_are_enough_cases_of_every_kind():
    cases = all_cases()
    assert len(cases) >= 1000
    assert len(feasible_cases()) >= 900
    assert len(impossible_cases()) >= 50
    assert sum(bool((case.written >= 0).any()) for _, case, _, _ in cases) >= 200
    assert sum(bool(np.isneginf(case.log_probs).any()) for _, case, _, _ in cases) >= 200
    assert sum(not case.vocabulary.stop_ids for _, case, _, _ in cases) >= 200
    assert sum(case.vocabulary.pad_id is not None for _, case, _, _ in cases) >= 200


def test_map_is_the_best_legal_string_and_ties_go_to_the_first_in_token_order():
    for seed, case, table, truth in feasible_cases():
        got = table.bind(case.log_probs, case.written).map()
        assert got.dtype == np.int64
        assert got.tolist() == truth.strings[truth.best()[0]].tolist(), seed


def test_n_best_strings_are_distinct_and_in_order():
    for seed, case, table, truth in feasible_cases():
        want = truth.strings[truth.best()[:7]]
        got = table.bind(case.log_probs, case.written).map(7)
        assert got[: len(want)].tolist() == want.tolist(), seed
        assert (got[len(want) :] == -1).all(), seed


def test_log_z_is_the_log_of_the_summed_weight():
    for seed, case, table, truth in feasible_cases():
        got = table.bind(case.log_probs, case.written).log_z()
        assert isinstance(got, float)
        assert abs(got - truth.log_z) < CLOSE, seed


def test_marginals_are_the_summed_probabilities_of_the_strings():
    for seed, case, table, truth in feasible_cases():
        want = truth.marginals(case.vocabulary.size)
        got = table.bind(case.log_probs, case.written).marginals()
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, want, atol=CLOSE, err_msg=str(seed))
        assert (got[want == 0] == 0).all(), seed


def test_beliefs_are_those_of_the_marginals():
    for seed, case, table, truth in feasible_cases():
        posterior = table.bind(case.log_probs, case.written)
        p = truth.marginals(case.vocabulary.size)
        top = np.sort(np.concatenate([p, np.zeros((len(p), 1))], axis=1), axis=1)
        log_p = np.log(p, out=np.zeros_like(p), where=p > 0)
        np.testing.assert_allclose(posterior.margin(), top[:, -1] - top[:, -2], atol=CLOSE, err_msg=str(seed))
        np.testing.assert_allclose(posterior.entropy(), -(p * log_p).sum(axis=1), atol=5 * CLOSE, err_msg=str(seed))
        tokens = np.random.default_rng(seed).integers(0, case.vocabulary.size, case.length)
        at = np.arange(case.length)
        np.testing.assert_allclose(posterior.confidence(tokens), p[at, tokens], atol=CLOSE, err_msg=str(seed))


def test_score_is_the_log_probability_of_a_string():
    for seed, case, table, truth in feasible_cases():
        rng = np.random.default_rng(seed)
        posterior = table.bind(case.log_probs, case.written)
        some = truth.strings[rng.integers(len(truth.strings))]
        for tokens in (some, rng.integers(0, case.vocabulary.size, case.length)):
            same = truth.weights[truth.agreeing(tokens, np.full(case.length, True))]
            want = same[0] - truth.log_z if len(same) else -np.inf
            got = posterior.score(tokens)
            assert got == want if want == -np.inf else abs(got - want) < CLOSE, seed


def test_partial_assignments_have_the_summed_weight_of_their_strings():
    for seed, case, table, truth in feasible_cases():
        tokens, keep = partial_assignment(case, truth, np.random.default_rng(seed))
        agreeing = truth.weights[truth.agreeing(tokens, keep)]
        want = np.logaddexp.reduce(agreeing) if len(agreeing) else -np.inf
        got = table.bind(case.log_probs, case.written).log_z_given(tokens, keep)
        assert got == want if want == -np.inf else abs(got - want) < CLOSE, seed


def test_feasible_and_clamp_agree_with_binding_again():
    for seed, case, table, truth in feasible_cases():
        tokens, keep = partial_assignment(case, truth, np.random.default_rng(seed))
        posterior = table.bind(case.log_probs, case.written)
        posterior.log_z()  # so that clamping shares what was read
        more = written_too(case, tokens, keep)
        new = None if more is None else try_every_string(more)
        possible = new is not None and new.log_z > -np.inf
        assert posterior.feasible(tokens, keep) == possible, seed
        if more is not None and possible:
            again, clamped = table.bind(more.log_probs, more.written), posterior.clamp(tokens, keep)
            assert clamped.log_z() == again.log_z(), seed
            assert abs(clamped.log_z() - new.log_z) < CLOSE, seed
            assert clamped.map().tolist() == new.strings[new.best()[0]].tolist(), seed
            assert np.array_equal(clamped.marginals(), again.marginals()), seed
        else:
            with pytest.raises(Infeasible):
                posterior.clamp(tokens, keep).map()


def test_forced_is_exactly_one_possible_token():
    for seed, case, table, _ in feasible_cases():
        want = [next(iter(s)) if len(s) == 1 else -1 for s in possible_tokens(case)]
        assert table.forced(case.written).tolist() == want, seed
        assert table.bind(case.log_probs, case.written).forced().tolist() == [v >= 0 for v in want], seed


def test_the_leading_choice_is_the_best_token_that_some_string_goes_on_with():
    for seed, case, table, truth in feasible_cases():
        want, legal = np.full(case.length, -1), 1.0
        for t in np.flatnonzero(case.written < 0)[:1]:
            possible = sorted(set(truth.strings[truth.weights > -np.inf, t].tolist()))
            want[t] = max(possible, key=lambda v: case.log_probs[t, v])  # the first of equals
            legal = np.exp(case.log_probs[t, possible].astype(np.float64)).sum()
        tokens, sure, mass = table.bind(case.log_probs, case.written).leading()
        assert tokens.tolist() == want.tolist(), seed
        assert mass == pytest.approx(legal, rel=1e-5), seed
        first = (tokens >= 0).nonzero()[0] if hasattr(tokens, "nonzero") else []
        own = np.exp(case.log_probs[first[0], tokens[first[0]]]) if len(first) else 1.0
        assert sure == pytest.approx(float(own), rel=1e-5), seed


def test_a_place_is_as_certain_as_the_likeliest_state_before_it():
    for seed, case, table, truth in feasible_cases()[:300]:
        automaton = table.automaton
        takes = [set(automaton.label_classes[a:b]) for a, b in itertools.pairwise(automaton.label_ptr)]
        edges = list(zip(automaton.edge_from, automaton.edge_to, automaton.edge_label))
        mass = np.zeros((case.length, table.n_states))
        for string, p in zip(truth.strings, truth.probs):
            state = 0
            for t, v in enumerate(string):
                mass[t, state] += p
                state = next(q for s, q, k in edges if s == state and automaton.token_class[v] in takes[k])
        got = table.bind(case.log_probs, case.written).anchored()
        np.testing.assert_allclose(got, mass.max(axis=1), atol=CLOSE, err_msg=str(seed))


def test_surprise_is_what_was_bound_whatever_is_legal():
    for seed, case, table, _ in feasible_cases()[:200]:
        tokens = np.random.default_rng(seed).integers(0, case.vocabulary.size, case.length)
        alone = -case.log_probs[np.arange(case.length), tokens]
        got = table.bind(case.log_probs, case.written).surprise(tokens)
        np.testing.assert_allclose(got, np.where(case.written < 0, alone, 0.0), rtol=1e-6)


def test_local_probabilities_are_shares_among_what_legal_strings_go_on_with():
    for seed, case, table, truth in feasible_cases()[:400]:
        rng = np.random.default_rng(seed)
        strings = truth.strings[truth.probs > 0]
        tokens = strings[rng.integers(len(strings))].copy()
        if seed % 2:
            tokens[rng.integers(case.length)] = rng.integers(case.vocabulary.size)
            tokens = np.where(case.written < 0, tokens, case.written)
        want = np.zeros(case.length)
        for t in range(case.length):
            strings = strings[(strings[:, :t] == tokens[:t]).all(axis=1)]
            onward = sorted(set(strings[:, t].tolist()))
            if tokens[t] not in onward:
                break
            weight = np.exp(case.log_probs[t, onward].astype(np.float64))
            want[t] = 1.0 if case.written[t] >= 0 else weight[onward.index(tokens[t])] / weight.sum()
        got = table.bind(case.log_probs, case.written).local(tokens)
        np.testing.assert_allclose(got, want, atol=CLOSE, err_msg=str(seed))


def test_sampled_strings_are_legal():
    for seed, case, table, truth in feasible_cases():
        possible = {tuple(s) for s in truth.strings[truth.best()].tolist()}
        drawn = table.bind(case.log_probs, case.written).sample(4, seed=seed)
        assert {tuple(s) for s in drawn.tolist()} <= possible, seed


def test_where_nothing_fits_an_error_says_so():
    budgets, positions = 0, 0
    for seed, case, table, truth in impossible_cases():
        with pytest.raises(Infeasible) as caught:
            table.bind(case.log_probs, case.written).map()
        with pytest.raises(Infeasible):
            table.bind(case.log_probs, case.written).log_z()
        error = caught.value
        if isinstance(error, BudgetTooSmall):
            budgets += 1
            assert error.shortest > case.length == error.budget, seed
        elif isinstance(error, Infeasible) and not len(truth.strings) and error.position is not None:
            positions += 1
            flat, at = replace(case, log_probs=np.zeros_like(case.log_probs)), np.arange(case.length)
            before = replace(flat, written=np.where(at < error.position, case.written, -1))
            up_to = replace(flat, written=np.where(at <= error.position, case.written, -1))
            assert len(try_every_string(before).strings) and not len(try_every_string(up_to).strings), seed
    assert budgets >= 3 and positions >= 20
