"""Draws one after another: an early end where they agree, and later ones that write anew only where they do not."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.search.agree import meaning, verbatim
from ctrldiff.search.anew import NOTED, noted
from ctrldiff.search.run import F64, Found, Run, checked, side_by_side, together
from ctrldiff.state import State, Where


@dataclass(frozen=True)
class DVoting:
    """At most `most` decodes of a row, one after another; the answer is what most of them say, the first drawn among
    equals. The reward of a candidate is the share of decodes that say the same.

    The first `most // 2 + 1` begin on the empty canvas. Later ones begin with the leading decode's token wherever at
    least `share` of the decodes have it in that position, but for the last `tail` of the canvas. From the second on a
    row ends as soon as more than half of `most` say the same, or all do, and these are half of `most` at least.

    A row that has ended has fewer candidates: copies of its answer stand in for the others, weigh nothing and have no
    reward, so the effective sample size is the number of decodes.

    key: what a text says.
    Source: dVoting (arXiv:2602.12153), as released for LLaDA (5, 1.0, a quarter). Below share 1 the release keeps in
        each position what most have there, which together need not be legal (law X2); here it is one decode's tokens.
    """

    most: int = 5
    share: float = 1.0
    tail: float = 0.25
    key: Callable[[str], Hashable] = meaning

    def __post_init__(self) -> None:
        checked("DVoting", 1, most=self.most)
        check_count("most", self.most)
        in_range("share", self.share, 0, 1)
        in_range("tail", self.tail, 0, 1)

    @property
    def n(self) -> int:
        """Canvases a row at a time: one."""
        return 1

    def __call__(self, run: Run, state: State) -> Found:
        run.of_one_length()
        rows, every = state.shape[0], state.fork(self.most)
        drawn: list[State] = []
        said: list[list[Hashable]] = [[] for _ in range(rows)]  # by row, what its decodes say
        going = torch.ones(rows, dtype=torch.bool)
        while len(drawn) < self.most and going.any():
            empty = every.gather(range(len(drawn), rows * self.most, self.most))
            one = run.decode(_begun(empty, drawn, said, going, self._kept(empty, drawn, said)))
            drawn.append(one)
            for row, text in enumerate(run.context.vocabulary.texts(one.tokens.tolist())):
                if going[row]:
                    whole = self.key is meaning and verbatim(run, row, text)
                    said[row].append(text if whole else self.key(text))
            going = going & torch.tensor([not self._over(own) for own in said])
        return self._found(drawn, said)

    def _over(self, said: Sequence[Hashable]) -> bool:
        """Whether the row needs no more decodes."""
        top = max(map(said.count, said))
        alike = top == len(said) and top >= self.most // 2
        return len(said) > 1 and (top > self.most // 2 or alike)

    def _kept(self, empty: State, drawn: Sequence[State], said: Sequence[Sequence[Hashable]]) -> Where:
        """(B, T) where the next decode begins with what the leading one has."""
        if len(drawn) <= self.most // 2:
            return torch.zeros_like(empty.open)
        best = _leading(drawn, said)
        agreeing = torch.stack([one.tokens == best.tokens for one in drawn]).sum(dim=0)  # of rows that go on, all
        beyond = empty.lengths - (empty.lengths * self.tail).to(torch.int64)
        before = torch.arange(empty.shape[1])[None, :] < beyond[:, None]
        return before & (agreeing >= self.share * len(drawn))

    def _found(self, drawn: Sequence[State], said: Sequence[Sequence[Hashable]]) -> Found:
        """Every row's decodes side by side."""
        rows, n = len(said), self.most
        rewards: F64 = np.full((rows, n), np.nan)
        for row, own in enumerate(said):
            rewards[row, : len(own)] = [own.count(one) / len(own) for one in own]
        best = _leading(drawn, said)
        state = side_by_side([*drawn, *[best] * (n - len(drawn))], list(map(len, said)), best)
        chosen = np.array([row * n + own.index(max(own, key=own.count)) for row, own in enumerate(said)], np.int64)
        forwards = sum((one.forwards for one in drawn), torch.zeros(rows, dtype=torch.int64))
        return Found(state, rewards.reshape(-1), chosen, forwards)


def _leading(drawn: Sequence[State], said: Sequence[Sequence[Hashable]]) -> State:
    """(B rows) the first of each row's decodes that say what most say."""
    rows = len(said)
    return together(drawn).gather([own.index(max(own, key=own.count)) * rows + row for row, own in enumerate(said)])


def _begun(
    empty: State, drawn: Sequence[State], said: Sequence[Sequence[Hashable]], going: torch.Tensor, kept: Where
) -> State:
    """The next decode before its first step. Rows that have ended are complete, and cost nothing."""
    if not drawn:
        return empty
    best = _leading(drawn, said)
    where = (kept | ~going[:, None]) & best.held
    nothing = {name: torch.full_like(value, torch.nan) for name, value in best.memory.items() if name in NOTED}
    return noted(empty.remember(**nothing), best, where).write(where, best.tokens, best.held_confidence)
