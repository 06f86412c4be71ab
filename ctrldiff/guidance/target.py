"""Strengths that are solved for, not tuned.

For G the sum of a guide's scores over the positions of a text, and q_s(x) = p(x) exp(s G(x)) / Z_s the guided posterior
of a step under its constraint,

    d log Z_s / d s = E_s[G],  which grows with s,   and   KL(q_s || q_0) = s E_s[G] - log Z_s + log Z_0.

Both are exact sums on the chain, so a strength with a wanted mean or a wanted distance is the root of a monotone
function of one number. With a mean that may not pass a bound it is the dual variable of that bound: the q nearest to p,
in KL, that keeps it on average (primal-dual guidance, arXiv:2605.09749, solved to the end at every step).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from ctrldiff.errors import InputError
from ctrldiff.guidance.guide import Branches, Guide, Tilt, check_guide, finite, portions, tilted
from ctrldiff.protocols import Constraint, GuideContext
from ctrldiff.state import State, Step

ROUNDS = 40  # evaluations at most: the chain is summed once, forwards and backwards, for each
TOLERANCE = 1e-3  # of the wanted mean or distance, relative to it if it is above 1
SWEEPS = 12  # over several targets, each solved with the others held


@dataclass(frozen=True)
class Target(Guide):
    """A guide at the strength at which the step's exact posterior has what is wanted of it.

    Args:
        guide: what is measured and leant towards.
        exactly, at_least, at_most: the mean of G over the posterior. G counts what is already written where the guide
            knows it: tables, word lists and counts do; a classifier's G is log p(label), to first order about the
            mean canvas. Of other guides only the open positions count. Within its bounds, strength 0 is used.
        kl: the distance in nats to the unguided posterior, at each step; leaning towards the guide.
        most: strengths are between -most and most. A level out of reach gets the nearer end.
    Cost: up to 40 sums over the chain a step, and no forward pass. Raises: InputError unless there is one way of saying
        what is wanted, in finite numbers.
    """

    guide: Guide
    exactly: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    kl: float | None = None
    most: float = 100.0

    def __post_init__(self) -> None:
        check_guide("a target", self.guide)
        given = {name: getattr(self, name) for name in ("exactly", "at_least", "at_most", "kl")}
        told = {name: finite(name, value) for name, value in given.items() if value is not None}
        finite("most", self.most)
        if not told or (len(told) > 1 and set(told) != {"at_least", "at_most"}):
            raise InputError(f"a target says one thing, not {sorted(told)}", hint="exactly, kl, or at_least, at_most")
        if self.most <= 0 or told.get("kl", 0.0) < 0 or self.bounds[0] > self.bounds[1]:
            raise InputError(f"no distribution is between {told}, most={self.most}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the most that the mean may be."""
        low = self.exactly if self.at_least is None else self.at_least
        high = self.exactly if self.at_most is None else self.at_most
        return (-torch.inf if low is None else low), (torch.inf if high is None else high)

    def prepare(self, context: GuideContext) -> Tilt:
        return jointly((self,), context)


@dataclass(frozen=True)
class Together(Guide):
    """Several targets at once, each at the strength that is right given the others'.

    Added up with `+`, targets are each solved as if alone; here they are solved in turn until none moves. Raises:
    InputError for what is not a `Target` of a mean.
    """

    targets: tuple[Target, ...]

    def __init__(self, *targets: Target) -> None:
        if not targets or any(not isinstance(one, Target) or one.kl is not None for one in targets):
            raise InputError("targets of means, one or more, are solved together", hint="Together(Target(...), ...)")
        object.__setattr__(self, "targets", targets)

    def prepare(self, context: GuideContext) -> Tilt:
        return jointly(self.targets, context)


def jointly(targets: tuple[Target, ...], context: GuideContext) -> Tilt:
    """The targets' guides at strengths that suit all of them."""
    tilts = [target.guide.prepare(context) for target in targets]
    if context.field is not None or any(tilt.field is not None for tilt in tilts):
        raise InputError("a target is about the whole text, not about a field", hint="leave on_field out of it")

    def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
        open_, found = state.open[..., None].to(logits.device), []
        for tilt, own in zip(tilts, portions(tilts, views, step), strict=True):
            value = torch.where(open_ & (logits > -torch.inf), tilt.scores(logits, own, state, step), 0.0)
            found.append((value, tilt.level(logits, own, state, step) if tilt.level else torch.zeros(state.shape[0])))
        return solve_all(targets, found, logits, state, context.constraint)

    return Tilt(
        scores,
        lambda state, step: [view for tilt in tilts for view in tilt.branches(state, step)],
        lambda step: sum(tilt.count(step) for tilt in tilts),
    )


def solve_all(
    targets: tuple[Target, ...],
    found: list[tuple[torch.Tensor, torch.Tensor]],
    logits: torch.Tensor,
    state: State,
    constraint: Constraint,
) -> torch.Tensor:
    """(B, T, V): the sum of each target's scores times its strength."""
    strengths = [torch.zeros(state.shape[0], dtype=torch.float64) for _ in targets]
    for _ in range(SWEEPS if len(targets) > 1 else 1):
        before = [one.clone() for one in strengths]
        for k, (target, (value, level)) in enumerate(zip(targets, found)):
            others = sum((s for n, s in enumerate(_parts(found, strengths)) if n != k), torch.zeros_like(logits))
            family = Family(constraint, tilted(logits, others), value, level.double().cpu(), state)
            strengths[k] = strength_for(target, family)
        if all(bool(((a - b).abs() <= TOLERANCE * (1 + b.abs())).all()) for a, b in zip(strengths, before)):
            break
    return sum(_parts(found, strengths), torch.zeros_like(logits))


def _parts(found: list[tuple[torch.Tensor, torch.Tensor]], strengths: list[torch.Tensor]) -> list[torch.Tensor]:
    return [s[:, None, None].to(value) * value for s, (value, _) in zip(strengths, found)]


@dataclass(frozen=True)
class Family:
    """The distributions p(x) exp(s G(x)) / Z_s under a constraint, one strength s a row.

    Fields: logits (B, T, V); scores (B, T, V), 0 where written; level (B,) float64, G of what is written.
    """

    constraint: Constraint
    logits: torch.Tensor
    scores: torch.Tensor
    level: torch.Tensor
    state: State

    def at(self, strength: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(B,) float64 E_s[G] and log Z_s, with Z_s the sum of p(x) exp(s (G(x) - level)) over legal texts, p
        normalised at each position. Exact up to float32 scores."""
        guided = tilted(self.logits, strength[:, None, None].to(self.scores) * self.scores)
        posterior = self.constraint.bind(guided, self.state)
        marginals = torch.as_tensor(posterior.marginals()).to(self.scores)
        mean = (marginals * self.scores).double().sum((1, 2)).cpu() + self.level
        grown = guided.double().logsumexp(-1) - self.logits.double().logsumexp(-1)
        open_ = self.state.open.to(grown.device)
        lost = torch.where(open_, grown, torch.zeros_like(grown)).sum(1).cpu()  # what binding normalises away
        return mean, torch.as_tensor(posterior.log_z()).double().cpu() + lost

    @cached_property
    def unguided(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(B,) float64 E_0[G] and log Z_0."""
        return self.at(torch.zeros_like(self.level))

    def kl(self, strength: torch.Tensor) -> torch.Tensor:
        """(B,) float64 KL(q_s || q_0) in nats."""
        mean, log_z = self.at(strength)
        return strength * (mean - self.level) - log_z + self.unguided[1]


def strength_for(target: Target, family: Family) -> torch.Tensor:
    """(B,) float64: the strength nearest to 0 at which each row has what the target wants."""
    zero = torch.zeros(len(family.level), dtype=torch.float64)
    if target.kl is not None:
        goal = target.kl
        return root(lambda s: family.kl(s) - goal, zero - goal, target.most, TOLERANCE * max(1.0, goal))
    low, high = target.bounds
    mean = family.unguided[0]
    side = torch.where(mean < low, 1.0, torch.where(mean > high, -1.0, 0.0)).double()
    goal_ = torch.where(side > 0, low, high).double().nan_to_num(posinf=0.0, neginf=0.0)
    if not bool(side.any()):
        return zero
    accuracy = TOLERANCE * max(1.0, *(abs(one) for one in (low, high) if abs(one) < torch.inf))

    def lacking(s: torch.Tensor) -> torch.Tensor:
        return torch.where(side == 0, 0.0, side * (family.at(side * s)[0] - goal_))

    return side * root(lacking, torch.where(side == 0, 0.0, side * (mean - goal_)), target.most, accuracy)


def root(
    function: Callable[[torch.Tensor], torch.Tensor], at_zero: torch.Tensor, most: float, accuracy: float
) -> torch.Tensor:
    """(B,) in 0..most: where each row of a growing function is 0; 0 if it is not below 0 there, `most` if still so.

    The bracket is doubled until it holds the root, then cut by the secant, with the weight of an end that stays halved
    (Illinois) so that both close in. Rows do not see each other.
    """
    low, low_f = torch.zeros_like(at_zero), at_zero.clone()
    at, found = torch.full_like(at_zero, min(1.0, most)), at_zero > -accuracy
    answer = torch.zeros_like(at_zero)
    high = torch.full_like(at_zero, torch.nan)
    high_f = high.clone()
    for _ in range(ROUNDS):
        if bool(found.all()):
            break
        value = function(torch.where(found, answer, at))
        hit = ~found & ((value.abs() <= accuracy) | ((value < 0) & (at >= most)))
        answer = torch.where(hit, at, answer)
        found = found | hit
        above = ~found & (value > 0)
        below = ~found & (value <= 0)
        low_f = torch.where(above & ~high.isnan(), low_f / 2, low_f)
        high_f = torch.where(below, high_f / 2, high_f)
        high, high_f = torch.where(above, at, high), torch.where(above, value, high_f)
        low, low_f = torch.where(below, at, low), torch.where(below, value, low_f)
        cut = (low * high_f - high * low_f) / (high_f - low_f)
        inside = (cut > low) & (cut < high)
        middle = torch.where(inside, cut, (low + high) / 2)
        at = torch.where(high.isnan(), (2 * at).clamp(max=most), middle)
    return torch.where(found, answer, torch.where(high.isnan(), at, (low + high) / 2))
