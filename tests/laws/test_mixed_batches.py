"""Every plug-in in batches of rows that have nothing in common: types, canvases, prompts, seeds, ages."""

from dataclasses import dataclass

import pytest
import torch

import ctrldiff as cd
from ctrldiff.models.callable import PlainTokenizer
from ctrldiff.models.hf import Loaded
from tests.cases import BOOKS, CLOCKS, COMMITS, EDIT_NOTES, EDITS, LENGTH, NOTES, PROPOSERS, REVISES, SCHEDULES, STOPS
from tests.conftest import NOISES, few, spec, toy

TYPES = [cd.Regex(r"\d{4}-\d{2}"), cd.Regex(r"(19|20)\d\d(-\d\d)?|ab+"), cd.Regex("[ab]{1,6}"), cd.Regex(r"\d{1,3}")]


@dataclass(frozen=True)
class NoteLast:
    """Notes each step's proposal; a row's note is there before its first step if it may `begin`."""

    def begin(self, state):
        return state.remember(last=torch.full(state.shape, -1))

    def __call__(self, move, state, step):
        return state.remember(last=move.posterior.map().cpu())


@dataclass(frozen=True)
class NoteLate:
    """The same, made at the first step."""

    def __call__(self, move, state, step):
        return state.remember(last=move.posterior.map().cpu())


@dataclass(frozen=True)
class Twice:
    """What two steps in a row proposed alike; else the leftmost position."""

    def __call__(self, posterior, tokens, state, step):
        may = state.open & step.window
        before = state.memory.get("last", torch.full_like(tokens, -1))
        return (may & (tokens == before)) | cd.commit.leftmost(may)


PLANS = {
    **{f"commit: {name}": {"commit": one, "observers": NOTES.get(name, ())} for name, one in COMMITS.items()},
    **{
        f"schedule: {name}": {"schedule": one, "commit": cd.commit.TopK(), "observers": CLOCKS.get(name, ())}
        for name, one in SCHEDULES.items()
    },
    **{f"propose: {name}": {"propose": one} for name, one in PROPOSERS.items()},
    **{f"revise: {name}": {"revise": one, "schedule": cd.schedule.Linear(12)} for name, one in REVISES.items()},
    **{
        f"edit: {name}": {"edit": one, "schedule": cd.schedule.Linear(9), "observers": EDIT_NOTES.get(name, ())}
        for name, one in EDITS.items()
    },
    **{f"stop: {name}": {"stop": one} for name, one in STOPS.items()},
    "finish": {"finish": cd.propose.Best(), "schedule": cd.schedule.Linear(3)},
    "leftmost first": {"constrain": cd.constrain.LeftmostFirst},
    "gaps first": {"constrain": cd.constrain.GapsFirst, "propose": cd.propose.Best()},
    "length first": {"constrain": cd.constrain.LengthFirst},
    "cooling": {"processors": [cd.processors.Cooling()]},
    "nucleus": {"processors": [cd.processors.TopP(0.6)]},
    "top k and min p": {"processors": [cd.processors.TopK(5), cd.processors.MinP(0.2)]},
    "credit": {"processors": BOOKS["credit"], "observers": [BOOKS["credit"][0].note]},
    "memory": {"commit": Twice(), "observers": [NoteLast()]},
    "memory without a beginning": {"commit": Twice(), "observers": [NoteLate()]},
    "trace": {"observers": [cd.observers.Canvases()]},
}


def model(noise: str) -> cd.Model:
    return cd.Model(Loaded("toy", toy(noise), PlainTokenizer(lambda text: [ord(c) % 10 for c in text]), spec(noise)))


@pytest.mark.filterwarnings("ignore::ctrldiff.errors.CanvasWarning", "ignore::ctrldiff.errors.PlanWarning")
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", few(list(PLANS), 12))
def test_a_row_is_the_same_alone_and_in_any_company(name, noise):
    plan = cd.Plan(cd.constrain.Exact(), propose=cd.propose.Draw()).but(**PLANS[name])
    asked = [
        cd.Request("abcdefg"[: 1 + n % 5], TYPES[n % 4], seed=n % 3, max_new_tokens=LENGTH + n % 4) for n in range(9)
    ]
    toys = model(noise)

    def told(size, order=range(9)):
        found = list(toys.decode([asked[n] for n in order], plan=plan, batch_size=size))
        traces = [str(one.trace) for one in found]
        return [(one.tokens, one.usage.forwards, trace, one.raw) for one, trace in zip(found, traces, strict=True)]

    alone = told(1)
    assert told(4) == alone and told(9) == alone
    assert told(3, range(8, -1, -1)) == alone[::-1]
    assert all(raw in TYPES[n % 4] for n, (*_, raw) in enumerate(alone))
