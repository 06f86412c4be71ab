"""What the end of the steps wrote before the plan would have, and what an answer says of it."""

from dataclasses import dataclass, field

import pytest
import torch

import ctrldiff as cd
from ctrldiff.sampling.commit import Prefix, TopK
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.hurried import HURRIED, SURE, NoteHurried
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Linear
from ctrldiff.state import State
from tests.conftest import VOCABULARY, toy

LENGTH = 8
TABLE = cd.Regex("[0-9ab-]{7}").compile(VOCABULARY)


@dataclass(frozen=True)
class Heard:
    """A policy, and all that it has said."""

    inner: object
    said: list = field(default_factory=list)

    def __call__(self, posterior, tokens, state, step):
        where = self.inner(posterior, tokens, state, step)
        self.said.append((where, state.open, posterior.confidence(tokens).cpu()))
        return where


@pytest.mark.parametrize("steps", [1, 3, None])
@pytest.mark.parametrize("inner", [Prefix(0.6), TopK()])
def test_what_is_noted_is_what_no_policy_chose(inner, steps):
    heard = Heard(inner)
    state = sample(
        toy(),
        State.blank([[0], [1, 2]], LENGTH),
        constraint=Tables((TABLE, TABLE)),
        schedule=Linear(steps),
        commit=heard,
        observers=[NoteHurried()],
    )
    want = torch.full(state.shape, torch.nan)
    for n, (where, open_, marginal) in enumerate(heard.said, 1):
        want = torch.where(open_ & ~where & (n == steps), marginal, want)
    noted = state.memory[HURRIED]
    assert torch.equal(noted.isnan(), want.isnan())
    assert torch.allclose(noted.nan_to_num(0), want.nan_to_num(0))
    in_a_hurry = isinstance(inner, Prefix) and steps is not None
    assert bool((~noted.isnan()).any()) == in_a_hurry
    everything = state.held_at == state.held_at.max()
    assert not in_a_hurry or not torch.equal(~noted.isnan(), everything), "all of the last step is another thing"


TEXT = "Order A7-3318 for Maria Jensen, total EUR 129.50, paid in cash on the spot by her brother."
SCHEMA = {
    "type": "object",
    "properties": {name: {"type": ["string", "null"]} for name in ("order", "customer", "city", "note")},
    "required": ["order", "customer", "city", "note"],
}


def test_an_answer_cut_short_says_which_values_the_end_of_the_steps_wrote():
    model = cd.from_pretrained("tiny")
    whole, cut = model(TEXT, SCHEMA), model(TEXT, SCHEMA, steps=1)
    assert not any(flag.hurried for flag in whole.flags)
    hurried = {flag.where: flag for flag in cut.flags if flag.hurried is not None}
    assert hurried and all(0 <= flag.hurried < SURE for flag in hurried.values())
    assert all("steps ran out" in flag.doubt for flag in hurried.values() if flag.legal > 1e-3)
    null = model(TEXT, SCHEMA, steps=1, unsure="null")
    assert all(null.output[where[1:]] is None for where in hurried)
    assert all(flag.nulled or flag.text == "null" for flag in null.flags)
    with pytest.raises(cd.errors.Unsure, match="steps ran out"):
        model(TEXT, SCHEMA, steps=1, unsure="error")
    assert not any(flag.hurried for flag in model(TEXT, SCHEMA, steps=4, commit=TopK()).flags), "a rate is a choice"
