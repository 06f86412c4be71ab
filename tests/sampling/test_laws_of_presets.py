"""Presets that draw follow the law of their loop: total variation against all outcomes, on a canvas of four positions
and two tokens. A loop with one thing wrong is further away than chance."""

import math
from collections.abc import Callable

import pytest
import torch

from ctrldiff.models.callable import from_callable
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.state import State
from tests.conftest import VOCABULARY, ToyNetwork, spec, toy
from tests.sampling.laws_of_draws import distance
from tests.sampling.loops import chance, gemma

A, B, T, ROWS = 11, 12, 4, 3000


def network(ids: torch.Tensor) -> torch.Tensor:
    """Of two tokens, with much to say about its neighbours."""
    logits = ToyNetwork(seed=3, scale=1.2)(ids)
    two = torch.full_like(logits, -torch.inf)
    two[..., [A, B]] = logits[..., [A, B]]
    return two


NET = chance.Asked(network, [3], (A, B))


def neg_entropy(p: dict[int, float]) -> float:
    return sum(q * math.log(q) for q in p.values())


def drawn(temperature: float) -> Callable[[dict[int, float]], float]:
    return lambda p: math.exp(neg_entropy(p) / temperature)


LOOP = {"on": 0.7, "off": 0.3, "alpha": 0.5}
REMDM = {"cap": 0.3, "rescale": 0.6, "conf": 0.0, "loop": 0.4}


def wrongly(kind: str, eta: float) -> chance.Law:
    """Tokens are lost and noise is written no oftener for it; of the kinds that are near to that, another kind."""
    if kind == "conf":
        return chance.mdlm(NET, T, 4)
    if kind == "loop":
        return chance.remdm(NET, T, "cap", 0.3, 4, **LOOP)
    return chance.remdm(NET, T, kind, eta, 4, **LOOP, forget=True)


QUICK = ("mdlm", "dream, alg_temp", "remdm, cap")
CASES: dict[str, tuple[Plan, Callable[[], chance.Law], Callable[[], chance.Law]]] = {
    "mdlm": (
        Plan.preset("mdlm", steps=2),
        lambda: chance.mdlm(NET, T, 2, argmax=False),
        lambda: chance.one_by_one(NET, T, [2, 2], lambda p: 1.0),
    ),
    "mdlm, every step": (
        Plan.preset("mdlm", steps=2, reuse=False),
        lambda: chance.mdlm(NET, T, 2),
        lambda: chance.one_by_one(NET, T, [2, 2], lambda p: 1.0),
    ),
    "dream, origin": (
        Plan.preset("dream", steps=2, order="origin", temperature=1.0),
        lambda: chance.mdlm(NET, T, 2, 1e-3, argmax=False),
        lambda: chance.one_by_one(NET, T, [2, 2], lambda p: 1.0),
    ),
    "dream, alg_temp": (
        Plan.preset("dream", steps=3, alg_temp=0.2, temperature=1.0),
        lambda: chance.one_by_one(NET, T, [1, 1, 2], drawn(0.2)),
        lambda: chance.one_by_one(NET, T, [2, 1, 1], drawn(0.2)),
    ),
    "llada, random": (
        Plan.preset("llada", steps=2, order="random", temperature=1.0),
        lambda: chance.one_by_one(NET, T, [2, 2], lambda p: 1.0),
        lambda: chance.one_by_one(NET, T, [1, 1, 1, 1], lambda p: 1.0),
    ),
    "first_hitting": (
        Plan.preset("first_hitting"),
        lambda: chance.one_by_one(NET, T, [1, 1, 1, 1], lambda p: 1.0),
        lambda: chance.one_by_one(NET, T, [2, 2], lambda p: 1.0),
    ),
    **{
        f"remdm, {kind}": (
            Plan.preset("remdm", kind=kind, eta=eta, steps=4, **LOOP),
            lambda kind=kind, eta=eta: chance.remdm(NET, T, kind, eta, 4, **LOOP),
            lambda kind=kind, eta=eta: wrongly(kind, eta),
        )
        for kind, eta in REMDM.items()
    },
}


def draws(plan: Plan) -> list[tuple[int, ...]]:
    start = State.blank([[3]] * ROWS, T, draws=range(ROWS))
    state = Loop(toy(network=network), plan, plan.constrain(FREE)).run(start)
    return [tuple(row) for row in state.tokens.tolist()]


@pytest.mark.parametrize("name", [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in CASES])
def test_a_preset_follows_the_law_of_its_loop(name):
    plan, right, wrong = CASES[name]
    found = draws(plan)
    assert distance(found, right()) < 0.045 < distance(found, wrong())


def test_mdlm_asks_only_where_something_is_written():
    plan = Plan.preset("mdlm", steps=1000)
    state = Loop(toy(network=network), plan, plan.constrain(FREE)).run(State.blank([[3], [4]], T))
    assert (state.forwards <= T).all()


@pytest.mark.slow
def test_diffusion_gemma_follows_the_law_of_its_generate_but_for_one_position_and_emits_the_best_canvas():
    def network(ids: torch.Tensor) -> torch.Tensor:
        return 1.5 * ToyNetwork(seed=5, scale=1.0)(ids)

    def logits_of(canvas: tuple[int, ...]) -> torch.Tensor:
        return network(torch.tensor([[3, *canvas]]))[0, 1:, :2].to(torch.float64)

    plan = Plan.preset("diffusion_gemma", steps=4, gamma=0.3, nats=0.4)
    denoiser = from_callable(network, spec("uniform", n_tokens=2), VOCABULARY)
    start = State.blank([[3]] * ROWS, 3, draws=range(ROWS))
    state = Loop(denoiser, plan, plan.constrain(FREE)).run(start)
    found = [tuple(row) for row in state.tokens.tolist()]
    told = {"length": 3, "steps": 4, "gamma": 0.3, "nats": 0.4}
    ours, drawn = (gemma.law(logits_of, **told, but_one=True, drawn=drawn) for drawn in (False, True))
    assert distance(found, ours) < 0.02 < 0.03 < distance(found, drawn)
