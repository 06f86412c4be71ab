"""Published decoders do what they publish: their objectives against every string tried, their weaknesses included."""

import itertools

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.models.callable import from_callable
from ctrldiff.models.spec import ModelSpec
from ctrldiff.sampling.constrain import Tables, normalised
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from examples.compare.baselines import BASELINES, Dingo, PositionWise, baseline, prefixes_of
from examples.compare.scaffold import Scaffold
from examples.compare.slots import GROWTH, fill, fill_to_measure
from tests.conftest import VOCABULARY, blank, text, toy

LENGTH = 4
SMALL = Vocabulary.from_tokens([b"a", b"b", b"ab", b"-", None], stop_ids=[4])


def begun(table, length):
    """Every canvas of tokens that some longer canvas of the table goes on from: all strings tried."""
    longer = table.bind(np.zeros((length + 3, table.size), np.float32))
    for ids in itertools.product(range(table.size), repeat=length):
        whole = np.array([*ids, 0, 0, 0])
        if longer.feasible(whole, np.arange(length + 3) < length):
            yield ids


@pytest.mark.parametrize("pattern", ["(ab-)+b", "a{3,5}|b-a", "(a|b-)*"])
def test_a_table_of_prefixes_accepts_what_can_go_on(pattern):
    table = cd.Regex(pattern).compile(SMALL)
    posterior = prefixes_of(table).bind(np.zeros((LENGTH, table.size), np.float32))
    legal = set(begun(table, LENGTH))
    for ids in itertools.product(range(table.size), repeat=LENGTH):
        assert posterior.feasible(np.array(ids), np.full(LENGTH, True)) == (ids in legal)


@pytest.mark.parametrize("pattern", ["(ab-)+b", "a{3,5}|b-a", "(a|b-)*"])
@pytest.mark.parametrize("seed", range(5))
def test_dingo_maximises_the_committed_positions_alone(pattern, seed):
    table = cd.Regex(pattern).compile(SMALL)
    logits = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, LENGTH, table.size)).astype(np.float32) * 2)
    constraint = Dingo(Tables((table,)), Blocks(LENGTH, steps=2))
    state = State.blank([[0]], LENGTH)
    state = state.begin(constraint.schedule.budget(state))
    posterior = constraint.bind(logits, state)
    log_probs = normalised(logits)[0]
    sure = log_probs.max(dim=1).values
    now = sure.argsort(descending=True, stable=True)[:2]  # half of the block, chosen before the programme
    assert torch.allclose(posterior.confidence(posterior.map())[0], sure.exp())
    got = posterior.map()[0]
    value = max(sum(float(log_probs[t, ids[t]]) for t in now.tolist()) for ids in begun(table, LENGTH))
    assert sum(float(log_probs[t, got[t]]) for t in now.tolist()) == pytest.approx(value, abs=1e-5)


def test_dingo_may_end_in_half_a_text_and_never_in_a_wrong_one():
    regex = cd.Regex(r"\d{4}-\d{2}(-\d{2})?")
    table, ended = regex.compile(VOCABULARY), []
    for seed in range(12):
        plan = baseline("dingo", 3)
        done = Loop(toy(seed=seed), plan, plan.constrain(Tables((table, table)))).run(blank(2, 5))
        for row in done.tokens:
            data = text(row)
            assert data + b"1984-06-01"[len(data) :] in regex  # a beginning
            ended.append(data in regex)
    assert True in ended and False in ended


@pytest.mark.parametrize("seed", range(4))
def test_position_wise_forbids_what_no_legal_text_has_there(seed):
    table = cd.Regex("(ab-)+b|a{3,4}").compile(SMALL)
    logits = torch.from_numpy(np.random.default_rng(seed).normal(size=(1, LENGTH, table.size)).astype(np.float32))
    legal = [ids for ids in itertools.product(range(5), repeat=LENGTH) if _whole(table, ids)]
    got = PositionWise(Tables((table,))).bind(logits, State.blank([[0]], LENGTH)).map()[0].tolist()
    for t in range(LENGTH):
        assert got[t] == max(sorted({ids[t] for ids in legal}), key=lambda v: float(logits[0, t, v]))


def _whole(table, ids):
    return table.bind(np.zeros((LENGTH, table.size), np.float32)).feasible(np.array(ids), np.full(LENGTH, True))


def test_position_wise_choices_need_not_fit_together():
    table = cd.Choice(["ab", "ba"]).compile(Vocabulary.from_tokens([b"a", b"b", None], stop_ids=[2]))
    logits = torch.tensor([[[2.0, 0, 0], [2.0, 0, 0]]])
    assert PositionWise(Tables((table,))).bind(logits, State.blank([[0]], 2)).map().tolist() == [[0, 0]]  # law X2


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("noise", ["mask", "uniform"])
def test_a_row_does_not_depend_on_its_batch(name, noise):
    table = cd.Regex(r"\d{2}-(a|b)+").compile(VOCABULARY)

    def decode(rows):
        plan = baseline(name, 3)
        start = State.blank([[n, 1] for n in rows], 6, seed=1)
        return Loop(toy(noise), plan, plan.constrain(Tables((table,) * len(rows)))).run(start)

    together = decode(range(4))
    assert together.done.all() and (together.forwards <= 3).all()
    for n in range(4):
        assert torch.equal(together.tokens[n], decode([n]).tokens[0])


def test_an_unknown_baseline_is_refused_by_name():
    with pytest.raises(InputError, match="dingo"):
        baseline("dongo")


# scaffolds

SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "where": {"type": "object", "properties": {"city": {"type": "string"}, "n": {"type": "integer"}}},
        "kind": {"enum": ["x", "yy"]},
    },
}
BYTES = Vocabulary.from_tokens([bytes([b]) for b in range(128)] + [None, None], stop_ids=[128])
MASK = 129


def encode(value):
    return list(value.encode())


def told(value):
    """A denoiser that writes `value` one byte a position, and stop tokens behind it."""

    def network(ids):
        logits = torch.zeros(*ids.shape, 130)
        for row in range(len(ids)):
            for t in range(ids.shape[1]):
                logits[row, t, value[t] if t < len(value) else 128] = 9.0
        return logits

    return from_callable(network, ModelSpec(stop_ids=(128,), mask_id=MASK, n_tokens=130, context=512), BYTES)


def test_a_scaffold_is_keys_and_slots():
    scaffold = Scaffold.of(SCHEMA)
    assert scaffold.pieces == ('{"name":"', '","where":{"city":"', '","n":', '},"kind":"', '"}')
    assert scaffold.quoted == (True, True, False, True)
    ids, where = scaffold.canvas(encode, [2, 3, 1, 2])
    assert bytes(v for v in ids if v >= 0).decode() == "".join(scaffold.pieces)
    assert [ids[t] for at in where for t in at] == [-1] * 8 and [len(at) for at in where] == [2, 3, 1, 2]


def test_reading_drops_null_words_at_the_end_and_makes_a_null_of_nothing_else():
    scaffold = Scaffold.of(SCHEMA)
    ids, where = scaffold.canvas(encode, [8, 7, 1, 3])
    values = [b"nullnull", b"Oslnull", b"7", b"yy\x80"]  # the last one: a stop token, which spells nothing
    for at, value in zip(where, values):
        for t, v in zip(at, value):
            ids[t] = v
    assert scaffold.read(ids, where, BYTES) == b'{"name":null,"where":{"city":"Osl","n":7},"kind":"yy"}'


def test_slots_of_the_right_length_are_filled_in_so_many_passes():
    scaffold = Scaffold.of(SCHEMA)
    ids, where = scaffold.canvas(encode, [3, 4, 2, 1])
    answer = list(ids)
    for at, value in zip(where, [b"Ann", b"Oslo", b"42", b"x"]):
        answer[at.start : at.stop] = value
    done = fill(told(answer), [[]], [scaffold], encode, steps=4, lengths=[[3, 4, 2, 1]])
    assert done.texts == (b'{"name":"Ann","where":{"city":"Oslo","n":42},"kind":"x"}',) and done.forwards == (4,)


def test_a_slot_is_cut_at_its_closing_token_and_grows_until_it_has_one():
    scaffold = Scaffold(('{"a":"', '"}'), (True,))
    for value, looks in (("abc", 1), ("abcdefgh", 2), ("abcdefghij", 2), ("a" * 20, 3), ("a" * 99, 7)):
        answer = list(f'{{"a":"{value}"}}'.encode())
        done = fill_to_measure(told(answer), [[]], [scaffold], encode, steps=2)
        shown = value[: 8 * GROWTH]
        assert done.texts == (f'{{"a":"{shown}"}}'.encode(),), value
        assert done.forwards == (looks + (2 if len(shown) > 1 else 1),), value
