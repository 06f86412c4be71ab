"""Orders that look at where positions stand: in a grid, in runs, beside what is written, from the left."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import get_args

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Posterior
from ctrldiff.sampling.commit import (
    By,
    best_first,
    certain_enough,
    certainty,
    check_count,
    first,
    in_range,
    unknown_order,
)
from ctrldiff.state import Scores, State, Step, Tokens, Where

__all__ = ["Density", "Dependent", "Dilated", "Frequencies", "Hierarchy", "Positional", "Routed"]


@dataclass(frozen=True)
class Dilated:
    """Blocks of `block` positions, each written in groups that lie ever closer: every block/base-th position first,
    then every block/base^2-th, and so on: about log(block) steps a block, whatever the model says (DUS,
    arXiv:2506.19037)."""

    block: int = 32
    base: int = 2

    def __post_init__(self) -> None:
        check_count("block", self.block)
        if not isinstance(self.base, int) or self.base < 2:
            raise InputError(f"base={self.base!r}: an int of at least 2", param="base")

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        group = torch.tensor([self._group(t % self.block) for t in range(state.shape[1])])
        turn = (
            torch.arange(state.shape[1]) // self.block * state.shape[1] + group
        )  # block by block, then group by group
        turns = torch.where(eligible, turn, torch.iinfo(torch.int64).max)
        return eligible & (turns == turns.amin(dim=1, keepdim=True))

    def _group(self, offset: int) -> int:
        group, apart = 0, self.block
        while True:
            apart = -(-apart // self.base)
            if offset % apart == 0:
                return group
            group += 1


@dataclass(frozen=True)
class Dependent:
    """As many as the schedule asks for, the most certain first, not counting those that the others determine: once some
    are chosen, a position that the constraint leaves one token for is written with them, and is none of the quota.

    The grammar's own dependence, which is known exactly: where a quota of two would go to a brace and the quote that
    has to follow it, it goes to two decisions. Without a constraint it is `TopK(by)`. A choice costs a sweep.
    """

    by: By = "confidence"

    def __post_init__(self) -> None:
        if self.by not in get_args(By):
            raise unknown_order(self.by)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        order = best_first(certainty(self.by, posterior, tokens, state), eligible)
        chosen, left = torch.zeros_like(eligible), eligible
        for turn in range(int(step.quota.max())):
            new = first((step.quota > turn).to(torch.int64), order, left)
            if not new.any():
                break
            chosen = chosen | new
            forced = torch.as_tensor(posterior.clamp(tokens, chosen).forced()).cpu()
            left = eligible & ~chosen & ~forced
        return eligible & ~left


@dataclass(frozen=True)
class Hierarchy:
    """The most confident position of each run of open ones, where it is more than `low`, and all that are more than
    `above`; if none is more than `low`, the most confident one (dInfer's hierarchical decoding, arXiv:2510.08666)."""

    low: float = 0.4
    above: float = 0.9

    def __post_init__(self) -> None:
        in_range("low", self.low, 0)
        in_range("above", self.above, self.low)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        scores = certainty("confidence", posterior, tokens, state)
        where = eligible & (scores > self.above)
        for row in range(state.shape[0]):
            for run in runs(eligible[row].tolist()):
                best = run[int(scores[row, run.start : run.stop].argmax())]
                where[row, best] |= scores[row, best] > self.low
        return certain_enough(where, scores, eligible)


def runs(where: Sequence[bool]) -> Iterable[range]:
    """The stretches of neighbouring positions that are True."""
    begin = None
    for t, own in enumerate([*where, False]):
        if own and begin is None:
            begin = t
        elif not own and begin is not None:
            yield range(begin, t)
            begin = None


@dataclass(frozen=True)
class Density:
    """As many as the schedule asks for, by confidence times the density of what is written around: a Gaussian of
    `sigma` positions, with all on the left of the canvas written, and on its right if its last position is (certainty
    density, d2Cache, arXiv:2509.23094)."""

    sigma: float = 10.0

    def __post_init__(self) -> None:
        in_range("sigma", self.sigma, 1e-3)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        scores = certainty("confidence", posterior, tokens, state).to(torch.float64) * self.around(state)
        return first(step.quota, best_first(scores, eligible), eligible)

    def around(self, state: State) -> Scores:
        """(B, T) float64 from 0 to 1: the weighted share of written positions around each."""
        out = torch.zeros(state.shape, dtype=torch.float64)
        for row, own in enumerate(state.lengths.tolist()):
            if not own:
                continue
            written = (~state.open[row, :own]).to(torch.float64)
            line = torch.cat([torch.ones(own), written, torch.full((own,), float(written[-1]))])
            away = torch.arange(own)[:, None] + own - torch.arange(3 * own)[None, :]
            whole = torch.arange(-3 * own, 3 * own)
            kernel = torch.exp(-(whole.to(torch.float64) ** 2) / (2 * self.sigma**2)).sum()
            out[row, :own] = torch.exp(-(away.to(torch.float64) ** 2) / (2 * self.sigma**2)) @ line / kernel
        return out


@dataclass(frozen=True, eq=False)
class Frequencies:
    """How common each token is: (V,) float64 shares. Counted in texts of one's own, which should not be those that are
    decoded."""

    shares: torch.Tensor

    @staticmethod
    def of(texts: Iterable[Sequence[int]], size: int) -> Frequencies:
        """Counted in texts of token ids, of `size` tokens; what never came is as common as what came once."""
        counts = torch.zeros(size, dtype=torch.float64)
        for ids in texts:
            counts += torch.bincount(torch.as_tensor(ids, dtype=torch.int64).reshape(-1), minlength=size)
        return Frequencies(counts.clamp(min=1) / counts.sum().clamp(min=1))

    def shares_of(self, tokens: Tokens) -> Scores:
        """(B, T) float64: how common each token is; of what is no token yet, that of 0. Raises: InputError for a token
        without a share."""
        if int(tokens.max()) >= len(self.shares):
            raise InputError(
                f"frequencies of {len(self.shares)} tokens, and token {int(tokens.max())}", param="frequencies"
            )
        return self.shares[tokens.clamp(min=0)]


@dataclass(frozen=True)
class Positional:
    """As many as the schedule asks for, by exp(-rate i) min(most, -p log f): i the place in the block, p the
    confidence, f how common the token is, so that rare tokens on the left come first (PC-Sampler, arXiv:2508.13021).

    block: where places are counted from 0 again; None: nowhere.   frequencies: None: by exp(-rate i) p alone.
    """

    rate: float = 0.25
    most: float = 10.0
    frequencies: Frequencies | None = None
    block: int | None = None

    def __post_init__(self) -> None:
        in_range("rate", self.rate, 0)
        in_range("most", self.most, 0)
        if self.block is not None:
            check_count("block", self.block)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        scores = certainty("confidence", posterior, tokens, state).to(torch.float64)
        if self.frequencies is not None:
            scores = scores * -torch.log(self.frequencies.shares_of(tokens))
        place = torch.arange(state.shape[1]) % (self.block or state.shape[1])
        scores = torch.exp(-self.rate * place.to(torch.float64)) * scores.clamp(max=self.most)
        return first(step.quota, best_first(scores, eligible), eligible)


@dataclass(frozen=True)
class Routed:
    """As many as the schedule asks for, by the log-probability of each token, that of a cleared one times `held`:
    below 1 it prefers what was written, 0 never gives it up, above 1 it prefers to try again (P2's eta,
    arXiv:2502.03540).

    Goes with `Reconsider()` and `Kept()`: a written token is scored as it stands there, by logits that saw it, where
    P2's and RDM's code score what the model would put in its place.
    """

    held: float = 1.0

    def __post_init__(self) -> None:
        in_range("held", self.held, 0)

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where:
        eligible = state.open & step.window
        scores = certainty("confidence", posterior, tokens, state).to(torch.float64).clamp(min=1e-300).log()
        scores = torch.where(state.cleared, self.held * scores, scores)
        return first(step.quota, best_first(scores, eligible), eligible)
