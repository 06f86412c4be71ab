"""Every preset is its published loop: the same tokens in the same number of passes, on a hundred random networks at
temperature 0, three rows of two lengths for each, all in one batch. A wrong variant of the loop is told apart by the
same test."""

from collections.abc import Callable, Sequence

import pytest
import torch

from ctrldiff.sampling.orders import Frequencies
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.planned import Planned
from ctrldiff.sampling.propose import Best
from ctrldiff.sampling.schedules import Annealed, Hyper, Linear
from ctrldiff.sampling.stop import Prophet
from tests.conftest import SIZE, STOP, prompt
from tests.sampling.loops import blocks, doubts, early, leaning, lengths, memory, orders, routed, verify, windows
from tests.sampling.loops.net import Asked
from tests.sampling.together import FEW, LENGTHS, SEEDS, Found, looped

Reference = Callable[[Asked, list[int], int], list[int]]


def theirs(loop: Reference, seed: int) -> Found:
    """The same of a restated loop and one network."""
    out = []
    for row, length in enumerate(LENGTHS):
        net = Asked(seed)
        out.append((loop(net, prompt(row), length), net.passes))
    return out


def agreeing(plan: Plan, loop: Reference, seeds: Sequence[int]) -> int:
    """On how many networks all rows are the same."""
    return sum(found == theirs(loop, seed) for seed, found in zip(seeds, looped(plan, seeds), strict=True))


COMMON = torch.tensor([0.02, 0.3, 0.01, *[0.05] * (SIZE - 3)], dtype=torch.float64)  # how common each token is


GROWING = {"ends": (STOP,), "initial": 6, "more": 3}


def preset(name: str, **knobs: object) -> Plan:
    return Plan.preset(name, **knobs)


def unequal(tokens: Sequence[int]) -> list[int]:
    """Two positions in no span, four in one, three in no span, and the rest in another."""
    return [-1 if n < 2 or 6 <= n < 9 else int(n >= 9) for n in range(len(tokens))]


def planned(rate: float) -> Plan:
    policy = Planned(unequal, rate)
    return preset("llada").but(schedule=Linear(), commit=policy, observers=[policy.note])


def case(plan: Plan, loop: Callable[..., list[int]], right: tuple, wrong: dict) -> tuple[Plan, Reference, Reference]:
    """A plan, its loop, and the loop with one thing wrong."""
    return (
        plan,
        lambda net, prompt, length: loop(net, prompt, length, *right),
        lambda net, prompt, length: loop(net, prompt, length, *right, **wrong),
    )


CASES: dict[str, tuple[Plan, Reference, Reference]] = {
    "llada": case(preset("llada", steps=6, block=8), blocks.llada, (6, 8), {"last_first": True}),
    "llada, small blocks": case(preset("llada", steps=12, block=4), blocks.llada, (12, 4), {"last_first": True}),
    "fast_dllm": case(preset("fast_dllm", block=8), blocks.threshold, (8, 0.9), {"late": 0.02}),
    "fast_dllm, factor": case(preset("fast_dllm", factor=1.0, block=8), blocks.factor, (8, 1.0), {"more": 1}),
    "llada2": case(preset("llada2", block=8), blocks.threshold, (8, 0.95), {"late": 0.02}),
    "rcr": case(preset("rcr", steps=12, block=8), blocks.rcr, (12, 8), {"later": 1}),
    "eb": case(preset("eb", block=8), orders.eb, (8, 0.1, "entropy"), {"whole": True}),
    "eb, confidence": case(preset("eb", by="confidence", block=8), orders.eb, (8, 0.1, "confidence"), {"whole": True}),
    "eb, margin": case(preset("eb", by="margin", gamma=0.3), orders.eb, (None, 0.3, "margin"), {"whole": True}),
    "dream": case(preset("dream", steps=24), orders.dream, (24, "entropy"), {"up": True}),
    "dream, confidence": case(
        preset("dream", steps=7, order="confidence"), orders.dream, (7, "confidence"), {"up": True}
    ),
    "dream, margin": case(preset("dream", steps=12, order="margin"), orders.dream, (12, "margin"), {"up": True}),
    "pc": case(preset("pc", steps=12, block=8), orders.pc, (12, 8, 0.25, None), {"plus": True}),
    "pc, frequencies": case(
        preset("pc", steps=6, block=8, frequencies=Frequencies(COMMON)), orders.pc, (6, 8, 0.25, COMMON), {"plus": True}
    ),
    "klass": case(preset("klass", block=8, threshold=0.6, kl=0.05), memory.klass, (8, 0.6, 0.05), {"eager": True}),
    "klass, three": case(
        preset("klass", block=8, threshold=0.3, kl=0.3, history=3), memory.klass, (8, 0.3, 0.3, 3), {"eager": True}
    ),
    "ccd": case(preset("ccd", steps=8), memory.ccd, (8, False), {"blind": True}),
    "ccd_ds": case(preset("ccd_ds", steps=16), memory.ccd, (16, True), {"blind": True}),
    "p2": case(preset("p2", steps=7, temperature=0), routed.routed, (7, False), {"fresh": True}),
    "p2, eta": case(preset("p2", steps=8, eta=2.0, temperature=0), routed.routed, (8, False, 2.0), {"fresh": True}),
    "prophet": case(
        preset("llada", steps=12, block=8).but(stop=Prophet(6.0, 2.2, 1.9), finish=Best()),
        early.prophet,
        (12, 8, (6.0, 2.2, 1.9)),
        {"late": True},
    ),
    "rdm": case(preset("rdm"), routed.routed, (10, True), {"fresh": True}),
    "wino": case(preset("wino", block=8), verify.wino, (8, 0.6, 0.9), {"late": True}),
    "wino, eager": case(preset("wino", block=8, threshold=0.3, back=0.6), verify.wino, (8, 0.3, 0.6), {"late": True}),
    "wino, together": case(
        preset("wino", block=24, threshold=0.4, most=3), verify.wino, (None, 0.4, 0.9, 3), {"late": True}
    ),
    "dcd": case(preset("dcd", width=5, reach=9), windows.dcd, (0.9, 5, 9), {"wider": 1}),
    "dcd, deferring": case(preset("dcd", threshold=0.6, width=4, reach=24), windows.dcd, (0.6, 4, 24), {"wider": 1}),
    "adablock": case(
        preset("adablock", ends=(1, 4, 10), length=6), windows.adablock, (0.9, (1, 4, 10), 6, 0.3), {"first": True}
    ),
    "ctrldiff_blocks": case(
        preset("ctrldiff_blocks", sizes=(2, 4, 7), nats=1.2, threshold=0.6),
        windows.dynamic,
        (0.6, (2, 4, 7), 1.2),
        {"total": True},
    ),
    "planned": case(planned(0.5), windows.planned, (unequal, 0.5), {"after": True}),
    "planned, one a pass": case(planned(1.0), windows.planned, (unequal, 1.0), {"after": True}),
    "hyperschedule": case(
        preset("llada").but(schedule=Hyper(Annealed(5.0), 9)), windows.annealed, (5.0, 9), {"flat": True}
    ),
    "daedal": case(
        preset("daedal", **GROWING, block=6, threshold=0.6, enough=0.35, settled=0.8, low=0.3, window=5, spare=2),
        lengths.daedal,
        (6, 6, 0.6, 3, 0.35, 0.8, 0.3, 5, 2),
        {"always": True},
    ),
    "rho_eos": case(
        preset("rho_eos", ends=(STOP,), initial=9, unit=2, low=0.05, high=0.1, block=4, threshold=0.6),
        lengths.rho,
        (9, 4, 0.6, 2, 0.05, 0.1, 64),
        {"whole": True},
    ),
    "rho_eos, confidence": case(
        preset("rho_eos", ends=(STOP,), initial=9, unit=2, low=0.4, high=0.5, measure="confidence", block=4),
        lengths.rho,
        (9, 4, 0.9, 2, 0.4, 0.5, 64, 32),
        {"whole": True},
    ),
    "t2m": case(
        preset("t2m", block=8, steps=300, doubt=0.3), doubts.t2m, (8, 0.7, "probability", 0.3), {"forget": True}
    ),
    "t2m, rival": case(
        preset("t2m", by="rival", doubt=0.3, block=8, steps=300, most=2, share=0.5),
        doubts.t2m,
        (8, 0.7, "rival", 0.3, 0.5, 2),
        {"forget": True},
    ),
    "t2m, drop": case(
        preset("t2m", by="drop", doubt=0.1, block=8, steps=300, most=2),
        doubts.t2m,
        (8, 0.7, "drop", 0.1, 0.25, 2),
        {"rises": True},
    ),
    "core": case(preset("core", steps=12, every=2, candidates=4), verify.core, (12, 2, 4, 0.3), {"late": True}),
    "credit": case(preset("credit", block=8), memory.credit, (8, 0.9), {"before": True}),
    "credit, eager": case(preset("credit", block=24, threshold=0.6), memory.credit, (None, 0.6), {"before": True}),
    "slowfast": case(
        preset("slowfast", block=8, explore=2), windows.slow_fast, (8, 0.9, 0.3, 2, 2, 1.0), {"whole": True}
    ),
    "slowfast, one block": case(
        preset("slowfast", block=24, threshold=0.6, explore=3, low=0.4, window=2),
        windows.slow_fast,
        (None, 0.6, 0.4, 3, 2, 1.0),
        {"whole": True},
    ),
    "ahd": case(preset("ahd", block=8), memory.ahd, (8, 0.9, 0.01, 6, 1.0), {"newest": True}),
    "ahd, loose": case(
        preset("ahd", block=4, threshold=0.7, nats=0.5, history=3, decay=0.5),
        memory.ahd,
        (4, 0.7, 0.5, 3, 0.5),
        {"newest": True},
    ),
    "dapd": case(preset("dapd"), leaning.dapd, (0.01, 0.05, 0.5, 0.9), {"one_way": True}),
    "dapd, all along": case(
        preset("dapd", low=0.05, high=0.15, late=0.0), leaning.dapd, (0.05, 0.15, 0.0, 0.9), {"one_way": True}
    ),
    "core, any": case(
        preset("core", steps=24, every=3, candidates=6, least=0.0), verify.core, (24, 3, 6, 0.0), {"late": True}
    ),
}


@pytest.mark.parametrize("seeds", [FEW, pytest.param(SEEDS, marks=pytest.mark.slow)], ids=len)
@pytest.mark.parametrize("name", CASES)
def test_a_preset_is_its_published_loop(name, seeds):
    plan, right, _ = CASES[name]
    assert agreeing(plan, right, seeds) == len(seeds)


@pytest.mark.parametrize("name", CASES)
def test_a_loop_with_one_thing_wrong_is_told_apart(name):
    plan, _, wrong = CASES[name]
    assert any(agreeing(plan, wrong, seeds) < len(seeds) for seeds in (SEEDS[:2], SEEDS[2:20]))
