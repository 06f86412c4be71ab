"""Under a proviso: the best, the n best and draws are those of the legal strings, by trying every string."""

from functools import lru_cache

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Choice
from ctrldiff.errors import Infeasible, SearchExhausted
from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior import lawful
from ctrldiff.posterior.chain import bind_rows
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.oracles import Case, Truth, try_every_string

PIECES = [b"{", b"}", b'"', b"a", b'":', b"1", b",", b'"b":1', b',"', b"[", b"]", b"2", b"1,", b"0.5", b'{"a":1}']
STOP = len(PIECES)
VOCABULARY = Vocabulary.from_tokens([*PIECES, None], stop_ids=[STOP])
KEYS = {"type": "object", "additionalProperties": {"enum": [1, 2]}}
ITEMS = {"type": "array", "items": {"type": "number"}, "uniqueItems": True}
DESCRIPTIONS = {
    "keys": JsonSchema(KEYS),
    "items": JsonSchema(ITEMS),
    "objects": JsonSchema(ITEMS | {"items": KEYS, "minItems": 2}),
    "nested": JsonSchema({"type": "array", "items": KEYS, "minItems": 1}),
    "one of": JsonSchema({"oneOf": [ITEMS, {"type": "array", "items": {"type": "number"}, "minItems": 3}]}),
    "not": JsonSchema({"type": "array", "items": {"type": "number"}, "not": {"uniqueItems": True}}),
    "or": JsonSchema(ITEMS) | Choice(["[1,1]", "[2]"]),
    "and": JsonSchema(ITEMS) & JsonSchema({"type": "array", "minItems": 2, "items": {"type": "integer"}}),
}
LENGTHS = {"nested": 7}


@lru_cache
def legal(name):
    """Every legal string, the members of the description, and how many more the automaton has."""
    description, length = DESCRIPTIONS[name], LENGTHS.get(name, 6)
    dfa, nothing = description.dfa(), np.zeros((length, STOP + 1), np.float32)
    case = Case(dfa.full_table(), dfa.accept, VOCABULARY, nothing, np.full(length, -1, np.int64))
    strings = try_every_string(case).strings
    member = np.array([VOCABULARY.decode(string.tolist()) in description for string in strings], np.bool_)
    return strings[member], int((~member).sum())


def truth_of(name, seed):
    """Seeded log-probabilities, and the legal strings with their weights."""
    strings, _ = legal(name)
    length = strings.shape[1]
    scores = torch.from_numpy(np.random.default_rng(seed).normal(size=(length, STOP + 1)).astype(np.float32) * 1.5)
    scores = scores.log_softmax(-1).numpy()
    return scores, Truth(strings, scores.astype(np.float64)[np.arange(length), strings].sum(axis=1))


@pytest.mark.parametrize("name", DESCRIPTIONS)
def test_the_best_and_the_n_best_are_those_of_all_legal_strings(name):
    assert legal(name)[1], "some string of the automaton has a fault"
    table = DESCRIPTIONS[name].compile(VOCABULARY)
    for seed in range(6):
        scores, truth = truth_of(name, seed)
        posterior, best = table.bind(scores), truth.best()
        np.testing.assert_array_equal(posterior.map(), truth.strings[best[0]])
        several = posterior.map(5)
        np.testing.assert_array_equal(several[several[:, 0] >= 0], truth.strings[best[:5]])
        last, keep = truth.strings[best[-1]], np.arange(len(scores)) < 2
        inside = np.flatnonzero(truth.agreeing(last, keep))
        best_inside = truth.strings[inside[np.argmax(truth.weights[inside])]]
        np.testing.assert_array_equal(posterior.clamp(last, keep).map(), best_inside)


@pytest.mark.parametrize("name", ["keys", "items", "one of"])
def test_draws_have_the_law_of_the_legal_strings(name):
    scores, truth = truth_of(name, 3)
    n = 4_000
    drawn = DESCRIPTIONS[name].compile(VOCABULARY).bind(scores).sample(n, seed=5)
    place = {string.tobytes(): i for i, string in enumerate(truth.strings)}
    counts = np.zeros(len(place))
    for string in drawn:
        counts[place[string.tobytes()]] += 1
    deviation = np.abs(counts / n - truth.probs)
    assert (deviation < 4.5 * np.sqrt(truth.probs * (1 - truth.probs) / n) + 2 / n).all()


def test_what_cannot_be_completed_without_a_fault_is_not_feasible():
    table = DESCRIPTIONS["keys"].compile(VOCABULARY)
    scores = np.zeros((8, STOP + 1), np.float32)
    twice = [0, 7, 8, 3, 4, 5, 6, 7]  # {"b":1,"a":1,"b":1
    posterior = table.bind(scores)
    tokens = np.array(twice, np.int64)
    assert posterior.feasible(tokens, np.arange(8) < 6)
    assert not posterior.feasible(tokens, np.arange(8) < 8)
    assert posterior.score(np.array([0, 7, 6, 7, 1, STOP, STOP, STOP])) == -np.inf
    clamped = table.bind(scores, np.where(np.arange(8) < 3, [0, 7, 6, 7, 1, 15, 15, 15], -1))
    assert VOCABULARY.decode(clamped.map().tolist()) in DESCRIPTIONS["keys"]


def test_the_first_choice_is_one_that_can_be_completed():
    """The evidence wants a second "b", which no legal text goes on with."""
    table = DESCRIPTIONS["keys"].compile(VOCABULARY)
    scores = np.full((6, STOP + 1), -5.0, np.float32)
    scores[3, 7] = scores[2, 6] = 0.0  # , then "b":1
    scores[3, 2] = -1.0
    posterior = table.bind(scores, np.array([0, 7, 6, -1, -1, -1]))
    with pytest.raises(Infeasible):
        posterior.map()  # in three positions there is no other key
    scores = torch.from_numpy(np.concatenate([scores, scores[-2:] * 0])).log_softmax(-1).numpy()
    posterior = table.bind(scores, np.array([0, 7, 6, *[-1] * 5]))
    tokens, sure, mass = posterior.leading()
    assert tokens[3] == 2 and 0 < sure < mass <= 1


def test_a_model_that_is_sure_of_nothing_still_writes_legal_texts(monkeypatch):
    monkeypatch.setattr(lawful, "BEST", 2)
    table = JsonSchema(KEYS | {"minProperties": 4}).compile(VOCABULARY)
    scores = np.zeros((24, STOP + 1), np.float32)
    scores[:, 7] = 3.0
    text = VOCABULARY.decode(table.bind(scores).map().tolist())
    assert text in JsonSchema(KEYS | {"minProperties": 4})


def test_what_was_proposed_last_stands_where_nothing_is_found(monkeypatch):
    table = JsonSchema(KEYS | {"minProperties": 3}).compile(VOCABULARY)
    scores = torch.zeros(1, 24, STOP + 1)
    scores[..., 7] = 3.0
    last = table.bind(scores).map()
    monkeypatch.setattr(lawful, "BEST", 0)
    monkeypatch.setattr(lawful, "DEEP", 0)
    with pytest.raises(SearchExhausted):
        bind_rows([table], scores).map()
    assert (bind_rows([table], scores, last=last).map() == last).all()
