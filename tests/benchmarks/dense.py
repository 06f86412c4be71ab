"""What the sparse sweeps replace: DINGO as published, and a tree of dense matrices, both restated here.

`dingo`: the programme of DINGO (arXiv:2505.23061, algorithm 2, as `examples/compare` has it) over one block: for each
position and each pair of states the best token between them, by looking at every token from every state, O(T S V), then
a table over (position, state), O(T S^2). It ends in accepting states here, so that both solve the same problem.
`tree_max` and `tree_sum`: one S x S matrix a position, multiplied in pairs, in (max, +) and in (logsumexp, +),
O(T S^3): the shape of the tree-shaped peers, known from notes on one of them. Only the total is formed, not every
prefix, and the matrices are given: both in the tree's favour. Ours is `Table.bind` and `map` or `log_z` of the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior.table import Table
from tests.benchmarks.measure import in_turns
from tests.benchmarks.record import Record
from tests.benchmarks.step_sizes import CONSTRAINTS, VOCABULARIES

ROOM = 3 * 2**30  # bytes that an array may take here; more is said and not tried
NEVER = -torch.inf


def transitions(table: Table) -> torch.Tensor:
    """(S, V) int64: where each token leads from each state; S where nowhere."""
    automaton = table.automaton
    to = torch.full((automaton.n_states, table.size), automaton.n_states)
    class_of = torch.from_numpy(automaton.token_class.astype(np.int64))
    tokens = [torch.nonzero(class_of == one)[:, 0] for one in range(automaton.n_classes)]
    for begin, end, label in zip(automaton.edge_from, automaton.edge_to, automaton.edge_label):
        for one in automaton.label_classes[automaton.label_ptr[label] : automaton.label_ptr[label + 1]]:
            to[begin, tokens[one]] = int(end)
    return to


def between(to: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
    """(S, S): the best score of a token from each state to each, of scores (V,)."""
    S = len(to)
    best = torch.full((S, S + 1), NEVER).scatter_reduce_(1, to, scores.expand(S, -1), "amax")
    return best[:, :S]


def dingo(to: torch.Tensor, accept: torch.Tensor, scores: torch.Tensor) -> list[int]:
    """The best whole string of (T, V) scores from state 0 into `accept`, (S,) bool."""
    reached = torch.full((len(to),), NEVER)
    reached[0] = 0
    back = []
    for position in scores:
        reached, before = (reached[:, None] + between(to, position)).max(dim=0)
        back.append(before)
    state = int(torch.where(accept, reached, NEVER).argmax())
    string = []
    for position, before in zip(scores.flip(0), reversed(back)):
        earlier = int(before[state])
        string.append(int(torch.where(to[earlier] == state, position, NEVER).argmax()))
        state = earlier
    return string[::-1]


def max_plus(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The product of (n, S, S) matrices in (max, +)."""
    return torch.stack([(left[:, i, :, None] + right).amax(dim=1) for i in range(left.shape[1])], dim=1)


def log_plus(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """The product of (n, S, S) matrices in (logsumexp, +), as one of scaled probabilities."""
    high, wide = left.amax(dim=2, keepdim=True), right.amax(dim=1, keepdim=True)
    high, wide = (torch.where(one == NEVER, 0, one) for one in (high, wide))
    return ((left - high).exp() @ (right - wide).exp()).log() + high + wide


def tree(matrices: torch.Tensor, times: object) -> torch.Tensor:
    """The product of (T, S, S) matrices, in pairs, pairs of pairs and so on."""
    while len(matrices) > 1:
        even = len(matrices) // 2 * 2
        joined = times(matrices[0:even:2], matrices[1:even:2])  # type: ignore[operator]
        matrices = torch.cat([joined, matrices[even:]])
    return matrices[0]


def tree_max(matrices: torch.Tensor, accept: torch.Tensor) -> float:
    """The weight of the best string."""
    return float(tree(matrices, max_plus)[0, accept].max())


def tree_sum(matrices: torch.Tensor, accept: torch.Tensor) -> float:
    """The log of the summed weight of all strings, of matrices of log-sums between states."""
    return float(tree(matrices, log_plus)[0, accept].logsumexp(0))


def needs(states: int, positions: int, size: int) -> str:
    """Why the dense ways are not tried at this size, or ""."""
    moves, matrices = 8 * states * size, 4 * positions * states**2
    if max(moves, matrices) <= ROOM:
        return ""
    return f"not tried: {moves / 2**30:.1f} GiB of moves, {matrices / 2**30:.1f} GiB of matrices"


def records(quick: bool) -> Iterator[Record]:
    """One row of 32 positions by the number of states, one thread."""
    torch.set_num_threads(1)
    positions, vocabularies = 32, {name: VOCABULARIES[name]() for name in ("2k", "131k")}
    points = (("60", "131k"), ("60", "2k"), ("260", "2k"), ("4k", "131k"))
    for states, size in points:
        vocabulary = vocabularies[size]
        table = JsonSchema(CONSTRAINTS[states]).compile(vocabulary)
        torch.manual_seed(0)
        scores = (3 * torch.randn(positions, vocabulary.size)).log_softmax(dim=1)
        sizes = {"T": positions, "S": table.automaton.n_states, "E": table.automaton.n_edges, "V": vocabulary.size}

        def best(table: Table = table, scores: torch.Tensor = scores) -> object:
            return table.bind(scores).map()

        def total(table: Table = table, scores: torch.Tensor = scores) -> object:
            return table.bind(scores).log_z()

        works = {"our best string": best, "our log_z": total}
        dense = ("DINGO as published", "tree of matrices, best", "tree of matrices, log_z")
        why = needs(table.automaton.n_states, positions, vocabulary.size)
        if not why:
            to, accept = transitions(table), torch.from_numpy(table.automaton.accept.copy())
            matrices = torch.stack([between(to, position) for position in scores])
            works |= {
                dense[0]: lambda to=to, accept=accept, scores=scores: dingo(to, accept, scores),
                dense[1]: lambda matrices=matrices, accept=accept: tree_max(matrices, accept),
                dense[2]: lambda matrices=matrices, accept=accept: tree_sum(matrices, accept),
            }
        yield from in_turns(works, 1 if quick else 3, "our best string", **sizes)
        if why:
            yield from (Record.none(name, why, **sizes) for name in dense)
