"""Laws of presets: whatever is published, the text is legal, a row's bytes are its own, and a search may use it."""

import pytest
import torch

from ctrldiff.errors import InputError
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.search.best_of import BestOfN
from ctrldiff.search.run import Run
from ctrldiff.state import State
from tests.cases import CONSTRAINTS, bound, hard_state, legal
from tests.conftest import NOISES, STOP, few, text, toy
from tests.guidance.fakes import context
from tests.laws.test_search_laws import liking

SMALL = {  # what has to be said, and: the papers' numbers are for canvases of hundreds
    "dream": {"steps": 8},
    "mdlm": {"steps": 8},
    "remdm": {"steps": 30, "eta": 0.3},
    "duo": {"steps": 8},
    "p2": {"steps": 8},
    "llada": {"steps": 8, "block": 4},
    "rcr": {"steps": 8, "block": 4},
    "klass": {"threshold": 0.5, "kl": 0.2, "block": 4},
    "ccd": {"warm_up": 2},
    "ccd_ds": {"warm_up": 2},
    "llada2": {"threshold": 0.6, "edits": 0.3, "block": 4},
    "pc": {"block": 4},
    "adablock": {"ends": (10, 12), "length": 3},
    "ctrldiff_blocks": {"sizes": (1, 3), "nats": 1.0},
    "daedal": {"ends": (STOP,), "initial": 4, "more": 2, "block": 4, "spare": 1, "low": 0.3},
    "rho_eos": {"ends": (STOP,), "initial": 4, "unit": 1, "block": 4},
    "t2m": {"threshold": 0.6, "doubt": 0.3, "block": 4},
}
DRAWING = ("diffusion_gemma", "duo", "first_hitting", "mdlm", "p2", "remdm")  # at their own temperature


def plan(name: str, **knobs: object) -> Plan:
    return Plan.preset(name, **{**SMALL.get(name, {}), **knobs})


def decoded(name: str, constraint: str, noise: str, rows: list[int]):
    start, how = hard_state(constraint).gather(rows), plan(name)
    return Loop(toy(noise), how, how.constrain(bound(constraint, len(rows)))).run(start)


@pytest.mark.parametrize("constraint", few(["alternatives", "schema", "free", "text"], 2))
@pytest.mark.parametrize("name", Plan.presets())
def test_a_preset_ends_in_the_language_and_a_row_is_the_same_in_any_batch(name, constraint):
    for noise in NOISES:
        together = decoded(name, constraint, noise, [0, 1, 2])
        assert together.done.all() and all(legal(constraint, text(row)) for row in together.tokens)
        for row in range(3):
            alone = decoded(name, constraint, noise, [row])
            assert torch.equal(alone.tokens[0], together.tokens[row]) and alone.forwards[0] == together.forwards[row]


@pytest.mark.parametrize("name", Plan.presets())
def test_the_width_of_the_batch_is_nothing_to_a_row(name):
    """Rows of several lengths share a batch, padded to the longest."""
    lengths, how = (8, 5, 3), plan(name)
    together = State.blank([[1], [2], [3]], 8, lengths=lengths, pad_id=STOP)
    state = Loop(toy(), how, how.constrain(FREE)).run(together)
    for row, length in enumerate(lengths):
        alone = Loop(toy(), how, how.constrain(FREE)).run(State.blank([[row + 1]], length))
        assert torch.equal(alone.tokens[0], state.tokens[row, :length]) and alone.forwards[0] == state.forwards[row]


@pytest.mark.parametrize("name", Plan.presets())
def test_a_preset_goes_with_a_search(name):
    knobs = {} if name in DRAWING else {"temperature": 1.0}
    how = plan(name, **knobs)
    start, denoiser = hard_state("alternatives").fork(2), toy()
    constraint = how.constrain(bound("alternatives", 6))
    found = BestOfN(liking, 2)(Run(denoiser, how, constraint, context(6, denoiser, constraint=constraint)), start)
    assert found.state.done.all() and all(legal("alternatives", text(row)) for row in found.state.tokens)


def test_the_default_is_a_preset_too():
    assert plan("default") == Plan() and plan("default", steps=4) == Plan.default(4)
    assert plan("default", temperature=0.5) == Plan.default(temperature=0.5)


def test_presets_are_values_and_say_what_they_do_not_know():
    for name in Plan.presets():
        assert plan(name) == plan(name)
    with pytest.raises(InputError, match="klass"):
        Plan.preset("class")
    with pytest.raises(InputError, match="no 'gamma'") as error:
        Plan.preset("klass", gamma=1)
    assert "history" in str(error.value)
    for name, of in (("adablock", "block"), ("daedal", "text"), ("rho_eos", "text")):
        with pytest.raises(InputError, match=f"which ids end a {of}"):
            Plan.preset(name)
    for name, wrong in (("eb", {"by": "x"}), ("remdm", {"kind": "x"}), ("rdm", {"rate": "x"}), ("llada", {"block": 0})):
        with pytest.raises(InputError):
            Plan.preset(name, **wrong)


def test_every_constraint_of_the_cases_is_legal_under_a_preset_with_a_memory():
    for constraint in CONSTRAINTS:
        assert all(legal(constraint, text(row)) for row in decoded("klass", constraint, "mask", [0, 1, 2]).tokens)
