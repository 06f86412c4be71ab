"""The loop. It never asks whether there is a constraint, a mask id or a plug-in: each has a nothing that works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import torch

from ctrldiff.errors import InputError, ModelError
from ctrldiff.protocols import (
    Asks,
    Begins,
    CommitPolicy,
    Constraint,
    Denoiser,
    EditPolicy,
    Fits,
    Growth,
    Guidance,
    Move,
    Narrows,
    Observer,
    Posterior,
    Processor,
    Proposer,
    RevisePolicy,
    Schedule,
    StopRule,
    can_attend,
)
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.constrain import FREE, Exact
from ctrldiff.sampling.edit import Final
from ctrldiff.sampling.grow import Fixed
from ctrldiff.sampling.passes import Passed, forward, given, guided
from ctrldiff.sampling.plan import Plan, within
from ctrldiff.sampling.propose import Best
from ctrldiff.sampling.revise import Keep
from ctrldiff.sampling.schedules import Linear
from ctrldiff.sampling.stop import Never
from ctrldiff.state import ATTENTION, State, Step, Tokens, Where
from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class Loop:
    """A plan at work on one batch.

    Fields: constraint, for the rows of the batch, as `plan.constrain` made it; guides, prepared for them.
    """

    denoiser: Denoiser
    plan: Plan
    constraint: Constraint
    guides: Sequence[Guidance] = ()

    def begin(self, state: State) -> State:
        """The state before its first step. Raises: Infeasible or BudgetTooSmall if nothing legal fits the canvas,
        ModelError if the plan reads attention and the model gives none, VocabularyError if a plug-in reads another
        model's tokens that are not this one's, InputError if two observers note under one name."""
        if self.plan.attends and not can_attend(self.denoiser):
            raise ModelError(
                f"{self.plan.commit!r} reads the network's attention, which this model does not give out",
                hint='a transformers network with attn_implementation="eager" and no cache, or a function that returns '
                "(logits, attention): from_callable(..., attention=True)",
            )
        for part in within(self.plan):
            if isinstance(part, Fits) and not isinstance(part, type):
                part.fits(self.denoiser.vocabulary)
        state = self.plan.grow.begin(self.constraint.settle(state.snapshot()), self.constraint)
        state = state.begin(self.plan.schedule.budget(state))
        return self._noting(state)

    def _noting(self, state: State) -> State:
        """With what observers remember before the first step. Raises: InputError for two that note under one name."""
        noted_by: dict[str, Observer] = {}
        for observer in self.plan.observers:
            if not isinstance(observer, Begins):
                continue
            before, state = state.memory, observer.begin(state)
            for name in (name for name, value in state.memory.items() if value is not before.get(name)):
                if name in noted_by:
                    raise InputError(
                        f"{noted_by[name]!r} and {observer!r} both note under {name!r}",
                        why="each would read what the other wrote",
                        hint="one of them, with the numbers that its policy says: observers=[policy.note]",
                        param="observers",
                    )
                noted_by[name] = observer
        return state

    def run(self, state: State) -> State:
        """The state with every open position written."""
        state = self.begin(state)
        while not state.done.all():
            state = self.step(state)
        return state

    def step(self, state: State) -> State:
        """One forward pass, and what is written after it. Complete rows stay as they are."""
        state = self.denoiser.noise(state)
        step = self.plan.schedule(state)
        (passed,) = forward(self.denoiser, [(state, step)], self.guides, self.plan.attends)
        return self.write(state, step, passed)

    def write(self, state: State, step: Step, passed: Passed) -> State:
        """What is written after a forward pass of a state with noise in its open positions."""
        plan, going = self.plan, ~state.done
        own, views, attention = passed
        seen = (own, views, state, step, plan.processors, self.guides)
        logits = guided(*seen)
        # Of a field's own layer of logits the network is told nothing: it knows one distribution a position.
        state = self.denoiser.observe(state, logits[..., : own.shape[-1]])
        ask = _Asked(self, step, *(torch.zeros(state.shape[0], dtype=torch.int64) for _ in range(2)))
        edit = plan.edit.asking(ask) if isinstance(plan.edit, Asks) else plan.edit
        again = positions("edit", edit(logits, state, step), state) & state.held & going[:, None]
        state, step = state.clear(again), step.widen(again)
        ask.step = step
        posterior = self.constraint.bind(logits, state)
        propose = plan.propose.asking(ask) if isinstance(plan.propose, Asks) else plan.propose
        tokens = completions("propose", propose(posterior, state), state)
        if isinstance(plan.schedule, Narrows):
            step = plan.schedule.narrow(posterior, tokens, state, step)
            step = replace(step, window=positions("narrow", step.window, state) & state.open)
        ending = rows("stop", plan.stop(posterior, state, step), state) | ~going | (state.step + 1 >= state.steps)
        if plan.finish is not None and (ending & going).any():
            rest = completions("finish", plan.finish(posterior, state), state)
            tokens = torch.where(ending[:, None], rest, tokens)
        confidence = posterior.confidence(tokens).cpu()
        commit = plan.commit.asking(ask) if isinstance(plan.commit, Asks) else plan.commit
        shown = state if attention is None else state.remember(**{ATTENTION: attention})
        chosen = positions("commit", commit(posterior, tokens, shown, step), state)
        where = ((chosen | step.last[:, None]) & step.window) | ending[:, None]
        unguided = partial(guided, own, (), state, step, plan.processors, ())
        move = Move(state, posterior, where & state.open, logits, unguided, partial(given, *seen), chosen)
        state = state.write(where, tokens, confidence).recall(tokens)
        revise = plan.revise.asking(ask) if isinstance(plan.revise, Asks) else plan.revise
        reopened = positions("revise", revise(posterior, state, step), state)
        forwards = state.forwards + going.to(torch.int64) + ask.forwards
        state = replace(state, forwards=forwards, other_calls=state.other_calls + ask.others)
        state = self.constraint.settle(state.reopen(reopened & ~ending[:, None]))
        for observer in plan.observers:
            state = observer(move, state, step)
        state = plan.grow(move, state, step, self.constraint)
        return replace(state, step=state.step + going.to(torch.int64))


@dataclass
class _Asked:
    """`protocols.Ask` within one step; `forwards` and `others` (B,) are counted up."""

    loop: Loop
    step: Step
    forwards: torch.Tensor
    others: torch.Tensor
    settled: Where | None = field(default=None)

    @property
    def vocabulary(self) -> Vocabulary:
        return self.loop.denoiser.vocabulary

    def __call__(self, states: Sequence[State]) -> list[torch.Tensor]:
        loop = self.loop
        noisy = [loop.denoiser.noise(state) for state in states]
        for state in noisy:
            self.forwards.add_((~state.done).to(torch.int64))
        passed = zip(noisy, forward(loop.denoiser, [(state, self.step) for state in noisy], loop.guides), strict=True)
        at, processors = self.step, loop.plan.processors
        return [guided(found.logits, found.views, state, at, processors, loop.guides) for state, found in passed]

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        return self.loop.constraint.bind(logits, state)

    def other(self, rows: torch.Tensor) -> None:
        self.others.add_(rows.to(torch.int64))

    def settle(self, where: Where) -> None:
        self.settled = where


def sample(
    denoiser: Denoiser,
    state: State,
    *,
    constraint: Constraint = FREE,
    processors: Sequence[Processor] = (),
    guides: Sequence[Guidance] = (),
    schedule: Schedule = Linear(),
    propose: Proposer = Best(),
    edit: EditPolicy = Final(),
    commit: CommitPolicy = TopK(),
    revise: RevisePolicy = Keep(),
    stop: StopRule = Never(),
    finish: Proposer | None = None,
    observers: Sequence[Observer] = (),
    grow: Growth = Fixed(),
) -> State:
    """Write every open position of `state`.

    Each step asks the denoiser once, binds the exact posterior over all that is open or that the edit policy clears
    (law X5), proposes one legal completion a row and lets the commit policy pick which part to keep (law X1). Positions
    with only one possible token are written without asking. On a row's last step all that is open is written, so the
    result is complete whatever the policy; nothing is reopened then, nor once a row is complete.

    Returns: the final state; `state.tokens` is a member of the constraint's language in every row. The argument is
        left as it was, generators included: the same call gives the same result.
    Raises: Infeasible or BudgetTooSmall before the first forward pass if nothing legal fits the canvas;
        LogitsInvalid if the denoiser returns NaN or +inf for an open position, Infeasible if it forbids every text.
    """
    plan = Plan(
        Exact(), schedule, propose, commit, edit, revise, stop, finish, tuple(processors), tuple(observers), grow
    )  # fmt: skip
    return Loop(denoiser, plan, constraint, guides).run(state)


def positions(policy: str, where: object, state: State) -> Where:
    """What a policy said, checked. Raises: InputError if it is no (B, T) tensor of bools."""
    return _told(policy, where, state.shape, "says where, as a torch.bool tensor of shape (B, T)")


def rows(policy: str, which: object, state: State) -> torch.Tensor:
    """What a rule said of rows, checked. Raises: InputError if it is no (B,) tensor of bools."""
    return _told(policy, which, state.shape[:1], "says which rows, as a torch.bool tensor of shape (B,)")


def completions(policy: str, tokens: object, state: State) -> Tokens:
    """What was proposed, checked. Raises: InputError if it is no (B, T) tensor of ids."""
    return _told(
        policy, tokens, state.shape, "gives a completion a row, as a torch.int64 tensor of shape (B, T)", False
    )


def _told(policy: str, found: object, shape: tuple[int, ...], hint: str, bools: bool = True) -> torch.Tensor:
    whole = isinstance(found, torch.Tensor) and not (found.is_floating_point() or found.is_complex())
    if not isinstance(found, torch.Tensor) or not whole or (found.dtype == torch.bool) != bools or found.shape != shape:
        what = type(found).__name__
        if isinstance(found, torch.Tensor):
            what = f"a {found.dtype} tensor of shape {tuple(found.shape)}"
        raise InputError(f"the {policy} policy returned {what}", hint=f"it {hint} = {tuple(shape)}", param=policy)
    return found.cpu()
