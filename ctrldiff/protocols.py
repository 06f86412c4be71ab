"""Every plug-in point on one page. Plug-ins are callables or small frozen values; none has a base class.

Shapes: B rows, T positions of the canvas, V vocabulary. The laws they are tested against (X1 to X9) are in
`docs/laws.md`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.errors import InputError
from ctrldiff.state import State, Step, Tokens, Where

if TYPE_CHECKING:
    from ctrldiff.tokens.vocabulary import Vocabulary


class Denoiser(Protocol):
    """A network read the one way the library reads networks."""

    @property
    def vocabulary(self) -> Vocabulary:
        """What each token id spells."""

    def noise(self, state: State) -> State:
        """The state with this model's noise in its open positions: masks, or random tokens."""

    def __call__(self, state: State) -> torch.Tensor:
        """(B, T, V) logits on the model's device, in its floats. Row i is about position i: unshifted, raw, banned ids
        at -inf."""

    def observe(self, state: State, logits: torch.Tensor) -> State:
        """The state with what the network wants to know of this step in the next one (self-conditioning), given the
        (B, T, V) logits after guides and processors. Most want nothing and return the state."""


@runtime_checkable
class Attends(Protocol):
    """A denoiser that can say what its network attended to. Asked only where a plug-in of the plan has `attends`."""

    @property
    def attends(self) -> bool:
        """Whether this network can."""

    def attended(self, state: State) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits of a call, and (B, T, T) float32 of the same pass: how much position i of the canvas looks at
        position j, the mean over heads and over the layers that count; 0 at padding."""


def can_attend(denoiser: Denoiser) -> bool:
    """Whether it can say what its network attended to."""
    return isinstance(denoiser, Attends) and denoiser.attends


class Processor(Protocol):
    """Logits to logits, without calling the model."""

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> torch.Tensor: ...


class Guidance(Protocol):
    """Extra rows for the one forward pass, and how to combine them (law X6: before the constraint binds)."""

    def branches(self, state: State, step: Step) -> Sequence[State]:
        """States of B rows each, forwarded together with the main one."""

    def combine(self, logits: torch.Tensor, branches: Sequence[torch.Tensor], state: State, step: Step) -> torch.Tensor:
        """(B, T, V) guided logits."""


class Six(Protocol):
    """The first storey of a posterior: what another backend has to write. `posterior/derived.py` makes a whole of it.

    Arrays come back as they went in: numpy for numpy, torch for torch on the same device. Bound with (T, V), the
    leading B is dropped.
    """

    def map(self, n: int | None = None) -> Any: ...  # (B, T) ids, or the n best (B, n, T)
    def sample(
        self, n: int | None = None, *, seed: int | None = None, rngs: Sequence[np.random.Generator] | None = None
    ) -> Any: ...
    def marginals(self) -> Any: ...  # (B, T, V) probabilities
    def log_z(self) -> Any: ...  # (B,)
    def log_z_given(self, tokens: Any, keep: Any) -> Any: ...  # (B,) log weight that agrees with tokens where keep
    def clamp(self, tokens: Any, keep: Any) -> Any: ...  # the posterior with tokens written where keep


class Posterior(Six, Protocol):
    """A distribution over whole canvases: the step's logits restricted to what is legal."""

    # What follows from the six.
    def feasible(self, tokens: Any, keep: Any) -> Any: ...  # (B,) bool
    def score(self, tokens: Any) -> Any: ...  # (B,) log-probability of whole canvases
    def confidence(self, tokens: Any) -> Any: ...  # (B, T) marginal probability of these tokens
    def margin(self) -> Any: ...  # (B, T) best minus second best marginal
    def entropy(self) -> Any: ...  # (B, T) nats
    def top(self, k: int) -> tuple[Any, Any]: ...  # (B, T, k) the likeliest tokens, and their marginals

    # What a chain knows besides.
    def surprise(self, tokens: Any) -> Any: ...  # (B, T) nats, minus the log-probability of these tokens as bound
    def local(self, tokens: Any) -> Any: ...  # (B, T) probability of each token among those legal after the ones before
    def legal(self, tokens: Any) -> Any: ...  # (B, T) probability of all tokens that are legal after the ones before
    def leading(self) -> tuple[Any, Any, Any]: ...  # the first open position on its own evidence: token, p, legal mass
    def anchored(self) -> Any: ...  # (B, T) probability of the likeliest automaton state before each position
    def forced(self) -> Any: ...  # (B, T) bool: one token is possible, whatever the logits
    def ends(self) -> Any: ...  # (B, S) probability that the text ends in each automaton state
    def branch_probs(self, tables: Mapping[str, Any]) -> dict[str, Any]: ...  # {name: (B,)}, by `Table`


class Constraint(Protocol):
    """What may be written. The vacuous constraint is one like any other, so the loop never asks."""

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        """The posterior over the whole remaining canvas (law X7), given (B, T, V) logits and what is written."""

    def settle(self, state: State) -> State:
        """Write the positions that leave no choice: they cost no forward pass. Raises if nothing legal fits."""


class Weighs(Constraint, Protocol):
    """A constraint that others can be made of.

    Fields: ends, ids that end a text or follow its end; layers, how many layers of V the logits have side by side;
        provisos, whether texts are held to more than an automaton knows.
    """

    @property
    def ends(self) -> tuple[int, ...]: ...
    @property
    def layers(self) -> int: ...
    @property
    def provisos(self) -> bool: ...
    def weigh(self, scores: torch.Tensor, state: State) -> Posterior:
        """As `bind`, by (B, T, layers * V) scores that are used as they are."""


class Proposer(Protocol):
    """Posterior to one legal completion a row (law X1: any subset of it is safe to write)."""

    def __call__(self, posterior: Posterior, state: State) -> Tokens: ...


class EditPolicy(Protocol):
    """Which held positions to clear and solve anew in this step (law X5), given (B, T, V) logits that saw them.

    The posterior is free there; what the commit policy does not write of it becomes noise.
    """

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> Where: ...


class CommitPolicy(Protocol):
    """Which open positions of the window to write. Confidence is taken on constrained marginals (law X3).

    One with a true `attends` is shown the attention of the step's pass, in `state.memory[ATTENTION]`: see `Attends`.
    """

    def __call__(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Where: ...


class RevisePolicy(Protocol):
    """Which held positions to turn back to noise (law X4)."""

    def __call__(self, posterior: Posterior, state: State, step: Step) -> Where: ...


class Schedule(Protocol):
    """When, where and how much: the steps of one decode. What a row is told depends on that row alone.

    A schedule that has `narrow` too (see `Narrows`) has a second word once the posterior is known.
    """

    def budget(self, state: State) -> torch.Tensor:
        """(B,) int64, at least 1: the most steps each row takes from `state`."""

    def __call__(self, state: State) -> Step:
        """Step `state.step` of each row's `state.steps`, which is what `budget` said at the beginning."""


@runtime_checkable
class Narrows(Protocol):
    """A schedule that sees the posterior and the joint proposal before the commit policy does."""

    def narrow(self, posterior: Posterior, tokens: Tokens, state: State, step: Step) -> Step:
        """The step with another window, quota or end. Its window stays within the open positions."""


class Ask(Protocol):
    """What a plug-in is given that needs more than its step: further passes, other models, and a word to the commit
    policy.

    Fields: step, as the schedule said it, with what the edit policy cleared in its window.   vocabulary, the model's.
        settled: (B, T) bool, what the proposer stands behind; None while it has not said so.
    """

    @property
    def step(self) -> Step: ...
    @property
    def vocabulary(self) -> Vocabulary: ...
    @property
    def settled(self) -> Where | None: ...

    def __call__(self, states: Sequence[State]) -> list[torch.Tensor]:
        """The (B, T, V) logits of states of B rows each: the model's noise put where they are open, all forwarded
        together, guides and processors applied. One forward is counted for every row of every state that is not
        complete."""

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        """The posterior over what is open in `state`, by logits of such a pass, under the loop's own constraint."""

    def other(self, rows: torch.Tensor) -> None:
        """Count a call of a model beside this one for these rows (B,) bool: `State.other_calls`."""

    def settle(self, where: Where) -> None:
        """Say which positions (B, T) of the proposal are meant to be written now: `commit.Proposed` writes them."""


@runtime_checkable
class Asks(Protocol):
    """An edit policy, a proposer, a commit policy or a revise policy that needs more than its step."""

    def asking(self, ask: Ask) -> Any:
        """The plug-in for this step."""


class Causal(Protocol):
    """A left-to-right language model beside the diffusion model, over the same tokens."""

    @property
    def vocabulary(self) -> Vocabulary:
        """What each token id spells to it."""

    def __call__(self, state: State, tokens: Tokens) -> torch.Tensor:
        """(B, T, V) float32 log-probabilities of the token at each position of the canvases `tokens` (B, T), given the
        row's prompt and the tokens before it. What stands at or after a position says nothing there."""


@runtime_checkable
class Fits(Protocol):
    """A plug-in, or what one is made of, that reads another model's tokens."""

    def fits(self, vocabulary: Vocabulary) -> None:
        """Raise VocabularyError if they are not those of the model that is decoded. Asked before the first pass."""


class StopRule(Protocol):
    """(B,) bool: rows that end now. What is still open is filled at once, from the step's joint proposal."""

    def __call__(self, posterior: Posterior, state: State, step: Step) -> torch.Tensor: ...


@dataclass(frozen=True)
class Move:
    """What one step of the loop did, as observers are told of it.

    Fields (B rows):
        before: the state that the step read.       posterior: what the tokens were proposed from.
        wrote: (B, T) where the commit policy, or the end of the row, wrote; what was forced after it is not among them.
        logits: (B, T, V) as the posterior was bound by, after guides and processors; with guides of single fields a
            layer of V for each of them, side by side.
        unguided: (B, T, V) logits of the same forward pass, processors applied and guides not.
        given: (B, T, V) logits as this processor of the plan was given them, by those before it. Raises: InputError
            for one that is not among them.
        chosen: (B, T) what the commit policy chose; what else was written, the end of the row or of its window wrote.
            None: whoever made the move does not say.
    """

    before: State
    posterior: Posterior
    wrote: Where
    logits: torch.Tensor
    unguided: Callable[[], torch.Tensor]
    given: Callable[[Processor], torch.Tensor]
    chosen: Where | None = None


class Observer(Protocol):
    """Told of every step after it was taken, with its posterior; gives back the state, with what it wants to remember.

    What it notes lives in `state.memory` under a name of its own, leading B, and so is forked, gathered and dropped
    with its row; the observer itself stays as it was. It may weigh rows and gather copies into each other's places, as
    a search does, turn tokens back to noise and put a row's clock forward; tokens are the policies' to write. One that
    has `begin` too (see `Begins`) lets rows of different ages share a batch.
    """

    def __call__(self, move: Move, state: State, step: Step) -> State: ...


@runtime_checkable
class Begins(Protocol):
    """An observer whose memory is there before the first step, so that new rows can join those on their way."""

    def begin(self, state: State) -> State:
        """The state with what it remembers when nothing has happened yet."""


class Growth(Protocol):
    """How many positions a row's canvas has, while it is written. What a row has at the beginning is all it may have:
    a policy that begins with fewer turns the rest to padding, and opens it, or takes it back, as it sees fit.

    No text that is not the end of one is given up, and no length is left in which nothing legal fits (law X7).
    """

    def begin(self, state: State, constraint: Constraint) -> State:
        """The state before its first step, what has to be written is written. Its budget is counted afterwards."""

    def __call__(self, move: Move, state: State, step: Step, constraint: Constraint) -> State:
        """The state after a step and after its observers; a position more is a step more in the row's budget."""


@dataclass(frozen=True)
class Listing:
    """A list of which it is to be said how many items it will have, before any of them is written.

    Fields:
        place: where it stands, keys and numbers of items from the outside in.      text: what the answer is about.
        columns: of what kind each property of its items is, "number", "date", "list", "object", or "string" for all
            else; () if they are no objects.
        tables: how many lists of objects are asked about together, those inside as many others as this one.
        log_masses: (N,) float64, the exact log-probability that it has 0, 1, ..., N - 1 items, given how many those
            decided before it have, under one pass that sees none of the answer; -inf for what the type forbids or the
            canvas of that pass cannot hold. What they and `log_absent` lack to 1 is: more items. On a canvas that is
            laid out they are the network's own word, for each slot (`ctrldiff/counted.py`).
        needs: (N,) int64, the fewest positions of an answer in which it has so many; -1: the type forbids it, or even
            the largest canvas cannot hold it.
        log_absent: the exact log-probability that no list stands there: null, another branch, no such key.
    """

    place: tuple[str | int, ...]
    text: str
    columns: tuple[str, ...]
    tables: int
    log_masses: NDArray[np.float64]
    needs: NDArray[np.int64]
    log_absent: float = -math.inf


class Counts(Protocol):
    """How many items a list will have; None: that is left to the decode. One whose `needs` is -1 is no answer.

    `most` says up to which number it wants to know the masses. Where its answer, or one item more, needs a larger
    canvas than that of the pass, it is asked again by a pass over one.
    """

    @property
    def most(self) -> int: ...
    def __call__(self, listing: Listing) -> int | None: ...


class Reward(Protocol):
    """A score of whole texts, higher is better."""

    def prepare(self, context: GuideContext) -> Scored:
        """Check it against the model and make it ready for one decode. Raises before any forward pass is spent."""


class Scored(Protocol):
    """(N,) float64 scores of texts that stand in these rows of the decode. NaN: the candidate has ended."""

    def __call__(self, rows: Sequence[int], texts: Sequence[str]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class GuideContext:
    """What a guide may know of one decode before its first step.

    Fields (B rows, as in the first state; a search that copies rows prepares its guides for the copies):
        vocabulary: what each token id spells.          denoiser: the model that is guided.
        constraint: what may be written in each row.    texts: (B,) the prompts as the caller wrote them.
        encode: a text as plain token ids.
        prompt: the ids of a whole prompt in place of row b's, (b, text).
        read: the text of an answer in row b as a value of the wanted type, (b, text).
        seed: the decode's.
        name: the model's.         hidden_prompts: it was trained with prompts hidden (`ModelSpec.hidden_prompts`).
        field: the path of the JSON value that the guide is confined to, or None for the whole text.
        by_field: (B, T, 2, V) how probable it is that a token stands at a position and outside of the value at a path,
            and wholly inside it, by (path, logits, state), of what is written too; under the constraint, exactly.
        alone: the ids of a prompt in place of row b's that asks for nothing but what its text says, (b, text).
    """

    vocabulary: Vocabulary
    denoiser: Denoiser
    constraint: Constraint
    texts: tuple[str, ...]
    encode: Callable[[str], list[int]]
    prompt: Callable[[int, str], list[int]]
    read: Callable[[int, str], Any]
    seed: int = 0
    name: str = "the model"
    hidden_prompts: bool = True
    field: str | None = None
    by_field: Callable[[str, torch.Tensor, State], torch.Tensor] | None = None
    alone: Callable[[int, str], list[int]] = lambda row, text: []

    def parts(self, logits: torch.Tensor, state: State) -> torch.Tensor:
        """(B, T, 2, V) float32 in ordinary memory: `by_field` of the guide's own. Raises: InputError where there are no
        fields."""
        if self.field is None or self.by_field is None:
            raise InputError(f"the text has no fields, so none at {self.field!r}", hint="guide the whole text")
        return self.by_field(self.field, logits, state)
