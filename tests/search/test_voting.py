"""dVoting is its released loop around any decoder: restated in plain words, one text at a time."""

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.search.run import Run
from ctrldiff.search.voting import DVoting
from ctrldiff.state import State
from tests.cases import legal, table
from tests.conftest import STOP, VOCABULARY, prompt, text, toy
from tests.guidance.fakes import context

LENGTHS, ROWS, NAME = (9, 9, 7), 3, "and"
PLAN = Plan.searching(temperature=0.5)


def released(seed: int, row: int, most: int, tail: float, wrong: str = "") -> tuple[list[list[int]], list[int], int]:
    """The decodes, the answer, the passes.

    wrong: one of two variants, in which the first decodes too keep what is agreed on, or no decode is the last.
    """
    length = LENGTHS[row]
    blank = State.blank([prompt(row)], max(LENGTHS), lengths=[length], pad_id=STOP, seed=seed)
    constraint = PLAN.constrain(Tables.same(table(NAME), 1))
    past: list[torch.Tensor] = []
    texts: list[bytes] = []
    passes = 0
    while len(past) < most:
        if len(texts) > 1 and wrong != "to the end":
            top = max(texts.count(one) for one in texts)
            if top > int(most / 2) or (top / len(texts) == 1.0 and top >= int(most / 2)):
                break
        begun = blank.fork(most).gather([len(past)])
        turn = len(past) + 1
        if turn > (1 if wrong == "from the first" else int(most / 2 + 1)):
            written = torch.full((1, length), -1)
            for t in range(length - int(length * tail)):
                values, counts = torch.unique(torch.stack(past)[:, t], return_counts=True)
                if counts.max() == len(past):
                    written[0, t] = values[counts.argmax()]
            known = torch.nn.functional.pad(written, (0, max(LENGTHS) - length), value=-1)
            begun = begun.write(known >= 0, known)
        state = Loop(toy(seed=seed), PLAN, constraint).run(begun)
        passes += int(state.forwards)
        past.append(state.tokens[0])
        texts.append(text(state.tokens[0]))
    answer = next(i for i, one in enumerate(texts) if texts.count(one) == max(map(texts.count, texts)))
    return [one.tolist() for one in past], past[answer].tolist(), passes


def ours(seed: int, search: DVoting) -> list[tuple[list[list[int]], list[int], int]]:
    state = State.blank([prompt(row) for row in range(ROWS)], max(LENGTHS), lengths=LENGTHS, pad_id=STOP, seed=seed)
    constraint = Tables.same(table(NAME), ROWS)
    found = search(Run(toy(seed=seed), PLAN, PLAN.constrain(constraint), context(ROWS, constraint=constraint)), state)
    canvases = found.state.tokens.reshape(ROWS, search.most, -1)
    out = []
    for row in range(ROWS):
        used = int(found.ess[row] + 0.5)
        assert [one.log_weight == 0.0 for one in found.candidates(row, VOCABULARY)] == [i < used for i in range(5)]
        answer = found.state.tokens[found.chosen[row]].tolist()
        assert all(one.tolist() == answer for one in canvases[row, used:])
        assert all(legal(NAME, text(one)) for one in canvases[row])
        out.append((canvases[row, :used].tolist(), answer, int(found.forwards[row])))
    return out


def agree(seed: int, tail: float = 0.25, wrong: str = "") -> bool:
    return ours(seed, DVoting(5)) == [released(seed, row, 5, tail, wrong) for row in range(ROWS)]


@pytest.mark.parametrize("seeds", [range(8), pytest.param(range(8, 40), marks=pytest.mark.slow)], ids=len)
def test_it_is_the_released_loop(seeds):
    assert all(agree(seed) for seed in seeds)
    assert len({len(one[0]) for seed in seeds for one in ours(seed, DVoting(5))}) > 2, "some rows end early"


@pytest.mark.parametrize("how", [{"tail": 0.0}, {"wrong": "from the first"}, {"wrong": "to the end"}], ids=str)
def test_a_wrong_loop_is_told_apart(how):
    assert not all(agree(seed, **how) for seed in range(8))


def test_a_share_below_one_keeps_what_is_legal_together():
    for seed in range(4):
        assert len(ours(seed, DVoting(5, share=0.5, tail=0.0))) == ROWS


def test_the_front_door_says_how_many_decodes_there_were():
    tiny, code = cd.from_pretrained("tiny"), cd.Regex("[A-Z]{2}-[0-9]{4}")
    result = tiny("The code is AB-1234.", code, search=cd.search.DVoting(5), temperature=0.5)
    assert result.raw in code and 2 <= round(result.ess) <= len(result.candidates) == 5
    assert sum(one.reward == one.reward for one in result.candidates) == round(result.ess)
    with pytest.raises(InputError, match="trace"):
        tiny("The code is AB-1234.", code, search=cd.search.DVoting(5), temperature=0.9, trace=True)
    for wrong in ({"most": 0}, {"share": 2.0}, {"tail": -1.0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            DVoting(**wrong)
