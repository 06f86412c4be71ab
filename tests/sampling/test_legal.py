"""The legal mass is what the model believed in of all that might stand there, by the oracle that tries every string."""

from dataclasses import replace

import numpy as np
import torch

import ctrldiff as cd
from ctrldiff.protocols import Move
from ctrldiff.sampling.commit import Everything, Prefix
from ctrldiff.sampling.constrain import Exact, LeftmostFirst, Tables, normalised
from ctrldiff.sampling.legal import LEGAL, NoteLegal
from ctrldiff.sampling.loop import sample
from ctrldiff.state import State
from tests.conftest import SIZE, VOCABULARY, toy
from tests.posterior.cases import feasible_cases


def mass_by_trying(case, truth, string):
    """At each open position the probability, by its own scores, of every token that goes on with what stands before."""
    out = np.full(case.length, 1.0)
    alive = truth.strings[truth.weights > -np.inf]
    for t in range(case.length):
        if case.written[t] < 0:
            possible = np.unique(alive[(alive[:, :t] == string[:t]).all(axis=1)][:, t])
            out[t] = np.exp(case.log_probs[t, possible].astype(np.float64)).sum()
    return out


def test_it_is_the_mass_of_all_tokens_that_some_string_goes_on_with():
    checked = 0
    for seed, case, table, truth in feasible_cases():
        if case.log_probs.max() > 1e-6 or np.exp(case.log_probs).sum(axis=1).max() > 1 + 1e-4:
            continue  # scores that are no probabilities have no mass
        posterior = table.bind(torch.from_numpy(case.log_probs)[None], torch.from_numpy(case.written)[None])
        string = posterior.map()
        found = posterior.legal(string)[0].numpy()
        want = mass_by_trying(case, truth, string[0].numpy())
        np.testing.assert_allclose(found, np.minimum(want, 1.0), rtol=2e-4, atol=1e-7, err_msg=str(seed))
        checked += 1
    assert checked > 100


LENGTH = 6


def test_the_first_choice_has_the_mass_of_its_rivals_too():
    table = cd.Regex("(19|2|200)(-|a)*b?").compile(VOCABULARY)
    for seed in range(8):
        logits = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, LENGTH, SIZE)).astype(np.float32))
        state = State.blank([[0], [1]], LENGTH)
        first, plain = (make(Tables((table, table))).bind(logits, state) for make in (LeftmostFirst, Exact()))
        tokens = first.map()
        assert torch.allclose(first.legal(tokens), plain.legal(tokens), atol=1e-6)


def test_what_is_noted_is_the_mass_when_it_was_written():
    table = cd.Regex(r"\d{2,4}-(a|b)").compile(VOCABULARY)
    seen = {}

    def spy(move: Move, state: State, step) -> State:
        noted = NoteLegal()(move, state, step)
        for b, t in move.wrote.nonzero().tolist():
            seen[b, t] = float(move.posterior.legal(state.tokens)[b, t])
        return noted

    state = sample(
        toy(), State.blank([[0], [1]], LENGTH), constraint=Tables((table,) * 2), commit=Prefix(0.3), observers=[spy]
    )
    noted = state.memory[LEGAL]
    assert {(b, t) for b, t in (~noted.isnan()).nonzero().tolist()} == set(seen)
    assert all(abs(float(noted[at]) - mass) < 1e-6 for at, mass in seen.items())
    assert torch.equal(state.gather([1, 0, 1]).memory[LEGAL].isnan(), noted[[1, 0, 1]].isnan())


def test_what_is_forced_is_no_choice_and_notes_nothing():
    table = cd.Regex("1a").compile(VOCABULARY)
    state = sample(
        toy(), State.blank([[0]], 2), constraint=Tables((table,)), commit=Everything(), observers=[NoteLegal()]
    )
    assert state.memory == {} or bool(state.memory[LEGAL].isnan().all())


def test_where_nothing_legal_is_believed_the_whole_completion_decides():
    """The model wants "b" first, which no text begins with, and then what belongs to "b-": the choice between the two
    legal beginnings falls by what it says further right, not by crumbs of belief."""
    table = cd.Choice(["1-", "2a"]).compile(VOCABULARY)
    ids = {VOCABULARY[token]: token for token in range(SIZE) if VOCABULARY[token]}
    logits = torch.full((1, 2, SIZE), -30.0)
    logits[0, 0, ids[b"b"]], logits[0, 0, ids[b"1"]], logits[0, 0, ids[b"2"]] = 20.0, 1.0, 0.5
    logits[0, 1, ids[b"a"]], logits[0, 1, ids[b"-"]] = 5.0, 0.0
    state = State.blank([[0]], 2)
    lost = LeftmostFirst(Tables((table,))).bind(logits, state)
    assert VOCABULARY.decode(lost.map()[0].tolist()) == b"2a"
    assert float(lost.legal(lost.map())[0, 0]) < 1e-3
    crumbs = replace(LeftmostFirst(Tables((table,))), believed=0.0).bind(logits, state)
    assert VOCABULARY.decode(crumbs.map()[0].tolist()) == b"1-"
    logits[0, 0, ids[b"b"]] = -30.0  # now the same evidence is all there is, and counts
    assert VOCABULARY.decode(LeftmostFirst(Tables((table,))).bind(logits, state).map()[0].tolist()) == b"1-"
    assert normalised(logits).exp()[0, 0, ids[b"1"]] > 0.5
