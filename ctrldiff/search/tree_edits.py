"""Whole texts edited under their grammar, and the best of them kept: a beam of mutations.

Diffusion on Syntax Trees (Kapur, Jenner and Russell 2024, arXiv:2405.20519) noises a program by replacing small
subtrees by others of the grammar, trains a network to undo that edit by edit, and searches with a beam of programs.
Here no network is trained for edits. Of theirs is kept: that every program on the way is whole and legal, that an edit
replaces at most `size` of it by at most `size`, and the beam. The edit itself is asked of a masked-diffusion model: a
span is cut out, a gap opened in its place, and the gap filled from the exact posterior, which knows the text on both
sides. The beam ranks texts by a reward, or by the model's own bound on their log-probability. By notes on the paper;
its code was not read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ctrldiff.likelihood import elbo
from ctrldiff.protocols import Reward
from ctrldiff.rewards.function import as_reward
from ctrldiff.sampling.commit import check_count
from ctrldiff.sampling.constrain import Tables
from ctrldiff.search.anew import rewritten
from ctrldiff.search.mutation import Gaps, Mutation, Text, drawn, mutated
from ctrldiff.search.run import F64, Found, Run, checked, chosen, finished, total
from ctrldiff.state import State, Tokens


@dataclass(frozen=True)
class TreeEdits:
    """The plan's answers, then rounds in which every canvas of the beam has a span replaced; the best texts go on.

    A round costs a pass of each canvas, and scores `n * proposals` texts a row. Of parents and children together the
    `n` best different texts are kept, parents first among equals, so the best score never falls. Given positions stay
    where they are; nothing that would move one is tried.

    Args:
        reward: a function of a list of texts, or a reward of `ctrldiff.rewards`; None: the model's `elbo`, by `masks`
            passes for each new text, which models with other than mask noise refuse.
        rounds: edits of a canvas, at most.     n: texts in the beam.
        size: tokens of the text that give way at once, and that take their place, at most: the paper's sigma.
        proposals: fillings of a gap.
    """

    reward: Reward | Callable[[list[str]], Any] | None = None
    rounds: int = 16
    size: int = 4
    proposals: int = 2
    n: int = 4
    masks: int = 8

    def __post_init__(self) -> None:
        checked("TreeEdits", self.n, rounds=self.rounds, size=self.size, proposals=self.proposals)
        check_count("masks", self.masks)
        if self.reward is not None:
            object.__setattr__(self, "reward", as_reward(self.reward))

    def __call__(self, run: Run, state: State) -> Found:
        score = None if self.reward is None else as_reward(self.reward).prepare(run.context)
        state = run.decode(state)
        scores = finished(score, run, state)
        if score is None:
            every = range(state.shape[0])
            scores, forwards = self._bounds(run, state, every, state.tokens)
            state = replace(state, forwards=state.forwards + forwards)
        for _ in range(self.rounds):
            state, scores = self.round(run, score, state, scores)
        return Found(state, scores, chosen("best", state, scores, self.n), total(state, self.n))

    def round(self, run: Run, score: Any, state: State, scores: F64) -> tuple[State, F64]:
        """Every canvas has children, and the best of each group go on; (B * n,) scores go with the states."""
        constraint, stops = run.context.constraint, tuple(run.context.vocabulary.stop_ids)
        edits: dict[int, tuple[Text, Mutation]] = {}
        for row, rng in enumerate(state.rngs):
            text = Text.of(state, row, stops)
            table = constraint.tables[row] if isinstance(constraint, Tables) else None
            mutation = drawn(Gaps.of(table, text), self.size, rng)
            if mutation is not None:
                edits[row] = text, mutation
        opened = run.constraint.settle(mutated(state, edits))
        rows = (~opened.done).nonzero()[:, 0].tolist()
        cut = [row for row in edits if row not in rows]  # nothing was put in a place, or only one thing could be
        made, at = [opened.gather(cut)] if cut else [], list(cut)
        rngs = state.rngs
        if rows:
            look = run.look(opened)
            filled = look.posterior.sample(self.proposals, rngs=look.state.drawing(~opened.done)).cpu()
            for tokens in filled.unbind(1):
                made.append(rewritten(look, tokens).gather(rows))
                at += rows
            rngs = look.state.rngs
            state = replace(state, forwards=state.forwards + (~opened.done).to(torch.int64))
        if not made:
            return replace(state, rngs=rngs), scores
        children = State.concat(made)
        if score is None:
            values, forwards = self._bounds(run, state, at, children.tokens)
            spent = torch.zeros_like(state.forwards).index_add(0, torch.tensor(at), forwards)
            state = replace(state, forwards=state.forwards + spent)
        else:
            values = run.scores(score, at, children.tokens)
        pool, pooled = State.concat([state, children]), np.concatenate([scores, values])
        groups = np.concatenate([np.arange(state.shape[0]), np.array(at)]) // self.n
        texts = run.context.vocabulary.texts(pool.tokens.tolist())
        kept = [k for group in range(state.shape[0] // self.n) for k in self._best(groups == group, pooled, texts)]
        # a slot of the beam keeps its generator and what it has cost, whoever stands in it
        return replace(pool.gather(kept), rngs=rngs, forwards=state.forwards), pooled[kept]

    def _best(self, own: np.ndarray, scores: F64, texts: Sequence[str]) -> list[int]:
        """The n best different texts of a group; copies only where there are too few."""
        order = sorted(np.flatnonzero(own).tolist(), key=lambda k: np.inf if np.isnan(scores[k]) else -scores[k])
        first = {texts[k]: k for k in reversed(order)}
        different = [k for k in order if first[texts[k]] == k]
        return [*different, *(k for k in order if first[texts[k]] != k)][: self.n]

    def _bounds(self, run: Run, state: State, rows: Sequence[int], tokens: Tokens) -> tuple[F64, torch.Tensor]:
        """(N,) the model's bounds on whole canvases, up to their first end token, and the passes that they took."""
        stops, answers = tuple(run.context.vocabulary.stop_ids), []
        for row, ids in zip(rows, tokens.tolist(), strict=True):
            own = ids[: int(state.lengths[row])]
            answers.append(own[: next((t for t, id in enumerate(own) if id in stops), len(own)) + 1])
        prompts = [state.prompt[row] for row in rows]
        found = elbo(run.denoiser, prompts, answers, masks=self.masks)
        return found.mean.numpy(), found.calls
