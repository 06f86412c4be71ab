"""Our side of the comparisons with published loops: a hundred random networks in one batch, three rows for each."""

from collections.abc import Sequence
from itertools import cycle

from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.search.run import Run, Search
from ctrldiff.state import State
from tests.conftest import STOP, ToyNetworks, posed, toy
from tests.guidance.fakes import context

LENGTHS = (24, 24, 16)
SEEDS, FEW = range(100), range(100, 108)

Found = list[tuple[list[int], int]]  # tokens and passes of every row


def start(seeds: Sequence[int], lengths: Sequence[int] = LENGTHS) -> State:
    """A canvas of each length for each of these networks, which `ToyNetworks` tells apart."""
    prompts = [posed(seed, row) for seed in seeds for row in range(len(lengths))]
    return State.blank(prompts, max(lengths), lengths=[*lengths] * len(seeds), pad_id=STOP)


def run_of(plan: Plan, rows: int) -> Run:
    """A decode of so many rows, for a search."""
    denoiser = toy(network=ToyNetworks())
    return Run(denoiser, plan, plan.constrain(FREE), context(rows, denoiser, constraint=FREE))


def told(tokens: Sequence[Sequence[int]], passes: Sequence[int]) -> list[Found]:
    """What was found with each network."""
    rows = [(list(one[:length]), int(n)) for one, length, n in zip(tokens, cycle(LENGTHS), passes)]
    return [rows[at : at + len(LENGTHS)] for at in range(0, len(rows), len(LENGTHS))]


def looped(plan: Plan, seeds: Sequence[int]) -> list[Found]:
    """By a plan alone."""
    state = Loop(toy(network=ToyNetworks()), plan, plan.constrain(FREE)).run(start(seeds))
    return told(state.tokens.tolist(), state.forwards.tolist())


def searched(search: Search, plan: Plan, seeds: Sequence[int]) -> list[Found]:
    """By a search of one canvas a row."""
    begin = start(seeds)
    found = search(run_of(plan, begin.shape[0]), begin)
    assert found.state.done.all() and found.chosen.tolist() == list(range(begin.shape[0]))
    return told(found.state.tokens.tolist(), found.forwards.tolist())
