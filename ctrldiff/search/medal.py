"""A tree of beginnings: which tokens to write first, by Monte Carlo tree search; the plan's decode from the best ones.

A node is a canvas, an edge one token at one position. Every round goes down the tree by upper confidence bounds to a
canvas that was not visited yet, and visits it: one pass gives the edges on from there, the likeliest completion is
filled in at once, and a second pass says how uncertain the network is of it. What of the uncertainty of the empty
canvas is gone is the reward, of the canvas and of all above it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from ctrldiff.protocols import Posterior
from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.sampling.legal import NoteLegal
from ctrldiff.sampling.passes import hidden
from ctrldiff.search.anew import noted, written
from ctrldiff.search.run import F64, Found, Run, checked, side_by_side, together
from ctrldiff.state import State, Where


@dataclass(frozen=True)
class Medal:
    """A tree search for `prefixes` beginnings of `length` tokens a row; the plan decodes each to the end, and the
    answer is the decode with the highest reward, the first among equals.

    Args:
        prefixes, length: beginnings that are looked for, and the tokens in each, forced ones aside. One that completes
            the canvas before counts too.
        actions, each: edges on from a canvas, and the most of them at one position: those with the highest
            p exp(-H) sigmoid(gamma margin), p being the token's marginal, H and margin those of its position.
        gamma: how much the margin (best minus second best marginal) counts.
        explore: c in mean reward + c sqrt(ln(visits of the canvas above) / visits), by which edges are gone down; one
            that was not visited comes first, the best scored of them.
        rounds: canvases visited at most. If that is not enough, those that have come furthest stand in for the
            beginnings that lack, the highest mean reward first.

    The reward is 1 - H'/H: entropies (nats) of all that was open, added up, on the empty canvas and with the answer in
    sight. A canvas is not come to twice by different orders. It chooses among no draws of its own, so plans at
    temperature 0 take it.

    Source: MEDAL ("Monte Carlo tree search initialization for diffusion language model inference"), from notes and not
    from its code or text. The scores, 3 and 5 edges, 3 prefixes of 20 are the notes'; which entropies a reward
    compares, how the answer is chosen among the decodes, and `gamma`, `explore` and `rounds` are our reading.
    """

    prefixes: int = 3
    length: int = 20
    actions: int = 5
    each: int = 3
    gamma: float = 1.0
    explore: float = 1.0
    rounds: int = 128

    draws = False

    def __post_init__(self) -> None:
        checked("Medal", 1)
        for name in ("prefixes", "length", "actions", "each", "rounds"):
            check_count(name, getattr(self, name))
        in_range("gamma", self.gamma, 0)
        in_range("explore", self.explore, 0)

    @property
    def n(self) -> int:
        """Canvases a row at a time: one."""
        return 1

    def __call__(self, run: Run, state: State) -> Found:
        state = run.constraint.settle(state.snapshot())
        for observer in run.plan.observers:
            state = observer.begin(state) if isinstance(observer, NoteLegal) else state
        trees = [_Tree(_Node(state.gather([row]), 0)) for row in range(state.shape[0])]
        for _ in range(self.rounds):
            if not self._round(run, state, trees):
                break
        begun = [tree.beginnings(self.prefixes) for tree in trees]
        every = state.fork(self.prefixes)
        decodes: list[State] = []
        rewards: list[F64] = []
        for n in range(self.prefixes):
            some = [n < len(nodes) for nodes in begun]  # a row without another one is complete, and costs nothing
            starts = [
                nodes[n].state if n < len(nodes) else _over(decodes[0], row, state) for row, nodes in enumerate(begun)
            ]
            decodes.append(run.decode(replace(together(starts), rngs=every.rngs[n :: self.prefixes])))
            rewards.append(self._reward(run, state, decodes[-1], trees, some))
        own = np.stack(rewards, axis=1)  # (B, prefixes), NaN where there are fewer
        pick = np.nanargmax(own, axis=1)
        rows = np.arange(state.shape[0])
        answers = State.concat([decodes[n].gather([row]) for row, n in enumerate(pick.tolist())])
        forwards = torch.tensor([tree.forwards for tree in trees])
        for n, one in enumerate(decodes):  # a copy has counted what its original did
            forwards += torch.where(torch.tensor([n < len(nodes) for nodes in begun]), one.forwards, 0)
        found = side_by_side(decodes, [len(nodes) for nodes in begun], answers)
        return Found(found, own.reshape(-1), rows * self.prefixes + pick, forwards)

    def _round(self, run: Run, root: State, trees: list[_Tree]) -> bool:
        """One more canvas visited in every tree that still wants one; whether there was any."""
        wanting = [not tree.root.closed and len(tree.found) < self.prefixes for tree in trees]
        if not any(wanting):
            return False
        leaves = [tree.down(self.explore) if wants else tree.root for tree, wants in zip(trees, wanting, strict=True)]
        here = torch.tensor(wanting)
        reached = State.concat([leaf.state for leaf in leaves])
        filled = state = hidden(reached, torch.zeros_like(reached.open), here)
        if not state.done.all():
            for tree, opened in zip(trees, (~state.done).tolist(), strict=True):
                tree.forwards += opened
            look = run.look(state)
            state = look.state
            fill = look.posterior.map().cpu()
            filled = written(state, look.posterior, fill, state.open)
            self._first(trees, state, look.posterior)
            deeper = here & torch.tensor([leaf.depth < self.length for leaf in leaves])
            window = run.plan.schedule(state).window & state.open & deeper[:, None]
            self._expand(run, trees, leaves, reached, filled, look.posterior, window)
        rewards = self._reward(run, root, filled, trees, wanting)
        for tree, leaf, reward, wants in zip(trees, leaves, rewards.tolist(), wanting, strict=True):
            if wants:
                tree.visited(leaf, reward, ends=leaf.depth >= self.length or bool(leaf.state.done))
        return True

    def _first(self, trees: list[_Tree], state: State, posterior: Posterior) -> None:
        """On a tree's first pass, the entropy of all that is open."""
        if any(tree.entropy is None for tree in trees):
            entropy = torch.where(state.open, posterior.entropy().cpu().to(torch.float64), 0.0).sum(dim=1)
            for tree, nats in zip(trees, entropy.tolist(), strict=True):
                tree.entropy = nats if tree.entropy is None else tree.entropy

    def _expand(
        self,
        run: Run,
        trees: list[_Tree],
        leaves: list[_Node],
        state: State,
        filled: State,
        posterior: Posterior,
        window: Where,
    ) -> None:
        """The canvases one token further on than these leaves (B), at the positions of the window. What is noted of
        each is what is noted there of the likeliest completion, `filled`."""
        best, p = (one.cpu() for one in posterior.top(self.each))  # (B, T, each)
        surely = torch.exp(-posterior.entropy().cpu()) * torch.sigmoid(self.gamma * posterior.margin().cpu())
        scores = torch.where((p > 0) & window[..., None], p * surely[..., None], -torch.inf).flatten(1)
        order = scores.argsort(dim=1, descending=True, stable=True)[:, : self.actions]
        for edge in order.unbind(1):
            some = scores.gather(1, edge[:, None])[:, 0] > -torch.inf
            if not some.any():
                return
            at, which = edge // p.shape[2], edge % p.shape[2]
            where = torch.zeros_like(state.open).scatter(1, at[:, None], some[:, None])
            row = torch.arange(len(edge))
            token, sure = best[row, at, which], p[row, at, which]
            after = state.write(where, token[:, None].expand(state.shape), sure[:, None])
            after = run.constraint.settle(noted(after, filled, where))
            for n in some.nonzero()[:, 0].tolist():
                trees[n].add(leaves[n], after.gather([n]))

    def _reward(self, run: Run, root: State, filled: State, trees: list[_Tree], rows: list[bool]) -> F64:
        """(B,) how much of the uncertainty is gone with these answers in sight; NaN for rows that are not asked for."""
        shown = filled.clear(root.open & torch.tensor(rows)[:, None])
        out = np.where(rows, 1.0, np.nan)
        if shown.done.all():
            return out
        look = run.look(shown)
        entropy = torch.where(shown.open, look.posterior.entropy().cpu().to(torch.float64), 0.0).sum(dim=1)
        for n in (~shown.done).nonzero()[:, 0].tolist():
            trees[n].forwards += 1
            before = trees[n].entropy
            out[n] = 1.0 - float(entropy[n]) / before if before else 1.0
        return out


def _over(decode: State, row: int, root: State) -> State:
    """A row of a decode among beginnings, which remember what the root does."""
    return replace(decode.gather([row]), memory={name: value[[row]] for name, value in root.memory.items()})


@dataclass(eq=False)
class _Node:
    """A canvas (one row) of a tree."""

    state: State
    depth: int
    above: _Node | None = None
    below: list[_Node] = field(default_factory=list)
    visits: int = 0
    value: float = 0.0  # rewards added up
    closed: bool = False  # nothing is left to visit, here or below

    @property
    def mean(self) -> float:
        return self.value / self.visits

    def way(self) -> Iterator[_Node]:
        """This node and those above it."""
        node: _Node | None = self
        while node is not None:
            yield node
            node = node.above


@dataclass(eq=False)
class _Tree:
    """The tree of one row."""

    root: _Node
    found: list[_Node] = field(default_factory=list)  # beginnings that are long enough, in the order of their visits
    nodes: list[_Node] = field(default_factory=list)  # all that were visited
    seen: set[tuple[int, ...]] = field(default_factory=set)
    entropy: float | None = None  # of all that is open at the root, nats
    forwards: int = 0

    def down(self, explore: float) -> _Node:
        """The canvas to visit next. The root is not closed."""
        node = self.root
        while node.visits:
            rivals = [one for one in node.below if not one.closed]
            fresh = [one for one in rivals if not one.visits]
            bound = [one.mean + explore * math.sqrt(math.log(node.visits) / one.visits) for one in rivals if one.visits]
            node = fresh[0] if fresh else rivals[int(np.argmax(bound))]
        return node

    def add(self, node: _Node, state: State) -> None:
        """A canvas below `node`, unless it has been come to already."""
        key = tuple(state.written[0].tolist())
        if key not in self.seen:
            self.seen.add(key)
            node.below.append(_Node(state, node.depth + 1, node))

    def visited(self, leaf: _Node, reward: float, ends: bool) -> None:
        """Count a visit and its reward, all the way up."""
        self.nodes.append(leaf)
        if ends:
            self.found.append(leaf)
        for node in leaf.way():
            node.visits += 1
            node.value += reward
            node.closed = all(one.closed for one in node.below)

    def beginnings(self, count: int) -> list[_Node]:
        """At least one and at most `count`; those that came furthest where there are not enough."""
        others = sorted((one for one in self.nodes if one not in self.found), key=lambda one: (-one.depth, -one.mean))
        return [*self.found, *others][:count] or [self.root]
