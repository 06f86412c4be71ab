"""Proposals that a left-to-right model reads before they are written: what passes is a prefix of what is open.

The proposal is one legal completion, as ever (law X1), and the judge reads all of it in one call. Whatever it says, it
is asked only of the tokens that may still stand at a position after those before it, so that a token without a legal
rival always passes (law X9). `commit.Proposed` writes what has passed.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from ctrldiff.errors import ShapeError
from ctrldiff.protocols import Ask, Causal, Posterior, Proposer
from ctrldiff.sampling.commit import check_count, first, in_range, leftmost
from ctrldiff.sampling.passes import only_in_the_loop
from ctrldiff.sampling.propose import Best
from ctrldiff.state import State, Tokens, Where
from ctrldiff.tokens.vocabulary import Vocabulary, same_tokens

__all__ = ["Judged", "Mixture"]

Verdict = Callable[[torch.Tensor], Where]  # (B, T, V) bool, what may stand there, to (B, T) bool, what passes


class _Judging(ABC):
    """What `inner` proposes, read by `judge` as far as `reach`."""

    judge: Causal
    reach: int | None
    inner: Proposer

    def __call__(self, posterior: Posterior, state: State) -> Tokens:
        raise only_in_the_loop(self)

    def fits(self, vocabulary: Vocabulary) -> None:
        same_tokens(self.judge.vocabulary, vocabulary)

    def asking(self, ask: Ask) -> Proposer:
        return partial(self._propose, ask)

    @abstractmethod
    def _propose(self, ask: Ask, posterior: Posterior, state: State) -> Tokens:
        """The proposal, when what of it may be written is settled."""

    def _heard(self, ask: Ask, posterior: Posterior, state: State) -> tuple[Tokens, torch.Tensor, Where]:
        """The proposal, (B, T, V) what the judge says of it, and (B, T) where it is asked."""
        tokens = self.inner(posterior, state).cpu()
        return tokens, read(self.judge, ask, state, tokens), within(ask, state, self.reach)


@dataclass(frozen=True)
class Judged(_Judging):
    """What `inner` proposes, as far as a left-to-right model agrees: the longest run of open positions of the window
    from the first on in which each token is among its `top` best, at least `relative` times as probable as its best,
    and more probable than `above`. Where not even the first one passes, it alone is written.

    Probabilities are the judge's, over what may stand there after the tokens before it, to which the model gives any
    probability. Ties pass. What follows the end of the text passes with it.

    Args:
        reach: open positions that are judged, from the first on; None: all of the window.
        correct: False writes nothing of the judge's own: where it disagrees the next pass decides, which sees what has
            passed. True puts its best legal token there, and the rest is solved anew given that; where no text was
            found that goes on with it (items that must differ), the token stays that was proposed.
    Source: Guided Diffusion of FlashDLM (arXiv:2505.21467). Two loops are released: "assisted" is correct=False, as in
        the paper; "speculative", which runs unless told otherwise, is correct=True. Of the strategies "topk_relative"
        is the default here, with the numbers of its own signature (what calls it has 5 and .95); "deterministic" is
        top=1, "topk" top=5 and relative=0, "dynamic_threshold" top=None, relative=0 and above=.1 (where "speculative"
        draws a token by the judge, of those that were not proposed).
    Raises: VocabularyError before the first pass for a judge that spells a token otherwise. Costs one call of the judge
        a step, counted in `usage.other_calls`.
    """

    judge: Causal
    top: int | None = 2
    relative: float = 0.5
    above: float = 0.0
    reach: int | None = None
    correct: bool = False
    inner: Proposer = Best()

    def __post_init__(self) -> None:
        for name in ("top", "reach"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        in_range("relative", self.relative, 0, 1)
        in_range("above", self.above, 0, 1)

    def _propose(self, ask: Ask, posterior: Posterior, state: State) -> Tokens:
        tokens, says, eligible = self._heard(ask, posterior, state)
        passes = partial(self._passes, says, tokens)
        passed = longest(passes, torch.zeros_like(eligible), ask.vocabulary, posterior, tokens, state, eligible)
        if not self.correct:
            ask.settle(passed | leftmost(eligible))
            return tokens
        at = leftmost(eligible & ~passed)
        ask.settle(passed | at)
        return self._corrected(says, posterior, tokens, state, passed, at)

    def _passes(self, says: torch.Tensor, tokens: Tokens, may: torch.Tensor) -> Where:
        log_p = says.masked_fill(~may, -torch.inf)
        log_p = log_p - log_p.logsumexp(dim=-1, keepdim=True)  # NaN, which passes nothing, where all is impossible
        own = log_p.gather(-1, tokens[..., None])
        best = log_p.amax(dim=-1, keepdim=True)
        passes = (own >= best + _log(self.relative)) & (own > _log(self.above))
        if self.top is not None:
            passes = passes & ((log_p > own).sum(dim=-1, keepdim=True) < self.top)
        return passes[..., 0]

    def _corrected(
        self, says: torch.Tensor, posterior: Posterior, tokens: Tokens, state: State, passed: Where, at: Where
    ) -> Tokens:
        """The tokens with the judge's best legal one `at` the first that did not pass, and all behind it anew."""
        if not at.any():
            return tokens
        may = posterior.clamp(tokens, passed).marginals().cpu() > 0
        wanted = torch.where(at, says.masked_fill(~may, -torch.inf).argmax(dim=-1), tokens)
        rows = at.any(dim=1) & torch.as_tensor(posterior.feasible(wanted, passed | at)).cpu()
        if not rows.any():
            return tokens
        wanted = torch.where(rows[:, None], wanted, tokens)
        others = state.write(state.open & ~rows[:, None], tokens)  # these rows draw nothing more
        anew = self.inner(posterior.clamp(wanted, passed | at), others).cpu()
        return torch.where(rows[:, None], anew, tokens)


@dataclass(frozen=True)
class Mixture(_Judging):
    """What `inner` proposes, as far as a product of the model and a left-to-right one would say the same: the longest
    run of open positions of the window from the first on in which the token is the best by

        weight * log p(v) + (1 - weight) * log a(v | the tokens before)

    p being the step's marginals and a the judge. The first position passes in any case, and the run goes on. Where
    `inner` draws, both are compared under the same Gumbel noise: the noise under which this very token was the draw.

    Args:
        weight: of the model, from 0 (as the judge says) to 1 (all passes without a constraint); the higher, the faster.
            The paper tries all of them; its demo has .5.
        reach: open positions that are judged, from the first on (its lookahead M); None: all of the window.
    Source: APD, adaptive parallel decoding (arXiv:2506.00413), whose released code leaves the noise out on one side at
        temperatures above 0.
    Raises, costs: as `Judged`.
    """

    judge: Causal
    weight: float = 0.5
    reach: int | None = None
    inner: Proposer = Best()

    def __post_init__(self) -> None:
        in_range("weight", self.weight, 0, 1)
        if self.reach is not None:
            check_count("reach", self.reach)

    def _propose(self, ask: Ask, posterior: Posterior, state: State) -> Tokens:
        tokens, says, eligible = self._heard(ask, posterior, state)
        likely = posterior.marginals().cpu().to(torch.float64).log()
        mixed = self.weight * likely
        if self.weight < 1:
            mixed = mixed + (1 - self.weight) * says
        if not isinstance(self.inner, Best):
            mixed = mixed + shared_noise(likely, tokens, state, eligible)

        def passes(may: torch.Tensor) -> Where:
            return mixed.masked_fill(~(may & (likely > -torch.inf)), -torch.inf).argmax(dim=-1) == tokens

        ask.settle(longest(passes, leftmost(eligible), ask.vocabulary, posterior, tokens, state, eligible))
        return tokens


def read(judge: Causal, ask: Ask, state: State, tokens: Tokens) -> torch.Tensor:
    """(B, T, V) float64 log-probabilities of a judge about rows that are not complete; zeros for the others."""
    rows, size = (~state.done).nonzero()[:, 0], ask.vocabulary.size
    out = torch.zeros((*state.shape, size), dtype=torch.float64)
    if not len(rows):
        return out
    ask.other(~state.done)
    says = judge(state.gather(rows), tokens[rows]).cpu()
    if says.ndim != 3 or says.shape[:2] != (len(rows), state.shape[1]):
        raise ShapeError(
            f"a judge returned {tuple(says.shape)}", hint=f"(B, T, V), {(len(rows), state.shape[1])} first"
        )
    shared = min(size, says.shape[2])
    out[rows] = -torch.inf
    out[rows, :, :shared] = says[..., :shared].to(torch.float64)
    return out


def within(ask: Ask, state: State, reach: int | None) -> Where:
    """(B, T) what is judged: what is open in the window, and no more than `reach` of it."""
    eligible = state.open & ask.step.window
    if reach is None:
        return eligible
    places = torch.arange(state.shape[1]).expand(state.shape)
    return first(torch.full((state.shape[0],), reach), places, eligible)


def longest(
    passes: Verdict,
    anyway: Where,
    vocabulary: Vocabulary,
    posterior: Posterior,
    tokens: Tokens,
    state: State,
    eligible: Where,
) -> Where:
    """(B, T) the eligible positions up to the first open one that does not pass, nor `anyway`.

    What may stand at a position is known exactly once the tokens before it are clamped, so a run that ends is looked at
    again with what has passed clamped, until it does not grow.
    """
    stops = torch.isin(tokens, torch.tensor(vocabulary.stop_ids, dtype=torch.int64))
    tail = (stops.cumsum(dim=1) - stops.to(torch.int64)) > 0
    ok, before = anyway, torch.zeros_like(eligible)
    while True:
        ok = ok | passes(posterior.clamp(tokens, before).marginals().cpu() > 0)
        run = (~state.open | (eligible & (ok | tail))).to(torch.uint8).cumprod(dim=1).to(torch.bool) & eligible
        if torch.equal(run, before):
            return run
        before = run


def shared_noise(likely: torch.Tensor, tokens: Tokens, state: State, eligible: Where) -> torch.Tensor:
    """(B, T, V) Gumbel noise given that `tokens` were the draws by it from log-probabilities `likely`, with each row's
    own generator; zeros where nothing is eligible."""
    out = torch.zeros_like(likely)
    for row in eligible.any(dim=1).nonzero()[:, 0].tolist():
        where = eligible[row]
        scores, own = likely[row, where], tokens[row, where]
        waits = torch.from_numpy(state.rngs[row].standard_exponential(tuple(scores.shape)))
        at = torch.arange(len(own))
        top = waits[at, own].clone()  # the first arrival of all is Exp(1), whoever it is
        times = top[:, None] + waits * (-scores).exp()  # the others arrive after it, each at its own rate
        times[at, own] = top
        out[row, where] = (-times.log() - scores).masked_fill(scores == -torch.inf, 0.0)
    return out


def _log(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf
