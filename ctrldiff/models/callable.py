"""Any function from token ids to logits as a model."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast, runtime_checkable

import torch
from torch.nn.utils.rnn import pad_sequence

from ctrldiff.errors import InputError, ModelError, ShapeError
from ctrldiff.models.devices import usable
from ctrldiff.models.memory import Room, within_memory, within_memory_both
from ctrldiff.models.outputs import absorbing_score, sigma_of, uniform_score
from ctrldiff.models.spec import ModelSpec
from ctrldiff.state import NOISE_TOLD, State, Status
from ctrldiff.tokens.vocabulary import Vocabulary


@runtime_checkable
class Picks(Protocol):
    """A network that can give the logits of some rows alone."""

    def picked(self, rows: slice, *inputs: torch.Tensor) -> torch.Tensor:
        """(N, R, V) logits of these rows of what `self(*inputs)` gives."""


@runtime_checkable
class Attending(Protocol):
    """A network that can give its attention too."""

    @property
    def attends(self) -> bool:
        """Whether it can as it was loaded."""

    def attended(self, rows: slice, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, R, V) logits as `picked`, and (N, L, L): how much position i of `inputs[0]` looks at position j, not
        below 0, the mean over heads and over the layers that count. What stands at padding is not read."""


@dataclass(frozen=True)
class Pair:
    """A function that returns its logits and its attention, as a network."""

    both: Callable[..., tuple[torch.Tensor, torch.Tensor]]

    attends = True

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self._told(*inputs)[0]

    def attended(self, rows: slice, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both."""
        logits, attention = self._told(*inputs)
        return logits[:, rows], attention

    def _told(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        said = self.both(*inputs)
        if not isinstance(said, tuple) or len(said) != 2:
            raise ShapeError(
                f"the network returned a {type(said).__name__}", hint="(logits, attention), a tuple of two"
            )
        return said


@dataclass(frozen=True)
class CallableDenoiser:
    """`network((N, L) int64 ids) -> (N, L, V) logits`, read as the spec says; with `time_input`, `network(ids, t)`, and
    with `padding="masked"` the lengths come last.

    Rows of equal length share a call, and where padding is masked rows of nearly equal length; a row whose canvas is
    complete is not forwarded again (its logits are zeros, and nobody reads them). Row i of what comes back is about
    position i of the canvas, in the floats of the network, with every id that may not be written at -inf.

    What the network returns is taken over: where all rows share a call it is written into, and not copied.
    """

    network: Callable[..., torch.Tensor]
    spec: ModelSpec
    vocabulary: Vocabulary
    device: str = "cpu"
    room: Room = field(default_factory=Room, repr=False, compare=False)

    def noise(self, state: State) -> State:
        """Fill open positions with noise: the mask, or tokens drawn by each row's own generator."""
        return noisy(state, self.spec)

    @property
    def attends(self) -> bool:
        """Whether the network can give its attention."""
        return isinstance(self.network, Attending) and self.network.attends

    def attended(self, state: State) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits of a call, and (B, T, T) float32 of the same pass: what each position of the canvas looks at."""
        if not self.attends:
            raise ModelError("this network does not give its attention", hint="from_callable(..., attention=True)")
        attention = torch.zeros(*state.shape, state.shape[1])
        return self._forwarded(state, attention), attention

    def __call__(self, state: State, *more: object) -> torch.Tensor:
        if more or not isinstance(state, State):
            raise InputError(
                "this is a denoiser, which takes a State and gives logits",
                hint="for texts and types: Model.from_callable(network, spec, vocabulary, encode)(text, Type)",
            )
        return self._forwarded(state)

    def _forwarded(self, state: State, attention: torch.Tensor | None = None) -> torch.Tensor:
        """(B, T, V) logits; (B, T, T) `attention` is written into, where there is one."""
        open_rows, own = (~state.done).nonzero()[:, 0].tolist(), state.lengths.tolist()
        sequences = {row: sequence(state, row, self.spec) for row in open_rows}
        out: torch.Tensor | None = None
        for members in grouped(sequences, self.spec, self.device):
            members.sort()
            ids = pad_sequence([sequences[row] for row in members], True, self.spec.stop_ids[0]).to(self.device)
            told = [noise_share(state)[members].to(self.device)] if self.spec.time_input == "t" else []
            if self.spec.padding == "masked":
                told.append(torch.tensor([len(sequences[row]) for row in members], device=self.device))
            rows = [network_rows(len(state.prompt[row]), own[row], self.spec) for row in members]
            part = slice(min(int(one[0]) for one in rows), max(int(one[-1]) for one in rows) + 1)
            if attention is None:
                logits = self._logits(part, ids, *told)
            else:
                logits, seen = self._both(part, ids, *told)
                for n, row in enumerate(members):
                    begin, length = len(state.prompt[row]), own[row]
                    canvas = slice(begin, begin + length)
                    attention[row, :length, :length] = checked_attention(seen[n, canvas, canvas], row)
            ids = ids[:, part]
            if self.spec.output == "log_score":
                logits = clean(logits, ids, noise_share(state)[members], self.spec)
            if logits.shape[:2] == state.shape and all(_runs_from(part.start, one) for one in rows):
                return banned(logits, self.spec)  # every row as it is to be: nothing is copied
            if out is None:
                out = logits.new_zeros((*state.shape, logits.shape[-1]))
            for n, row in enumerate(members):
                at = rows[n].to(logits.device) - part.start
                out[row, : len(at)] = logits[n, at]
        if out is None:
            raise ShapeError("no row has an open position", hint="the loop ends before it asks")
        return banned(out, self.spec)

    def _logits(self, part: slice, *inputs: torch.Tensor) -> torch.Tensor:
        """(N, R, V) the network's logits of a run of rows: those of the canvases, not of the prompts."""
        ids = inputs[0]
        if isinstance(self.network, Picks):
            network = self.network
            logits = within_memory(lambda *some: network.picked(part, *some), *inputs, room=self.room)
            return checked_logits(logits, ids[:, part], self.vocabulary)
        return checked_logits(within_memory(self.network, *inputs, room=self.room), ids, self.vocabulary)[:, part]

    def _both(self, part: slice, *inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, and the (N, L, L) attention of all rows."""
        ids, network = inputs[0], cast(Attending, self.network)
        logits, seen = within_memory_both(lambda *some: network.attended(part, *some), *inputs, room=self.room)
        if not isinstance(seen, torch.Tensor) or seen.shape != (*ids.shape, ids.shape[1]):
            what = tuple(seen.shape) if isinstance(seen, torch.Tensor) else type(seen).__name__
            raise ShapeError(
                f"the network's attention is {what} for ids {tuple(ids.shape)}",
                hint="(N, L, L): the mean over heads, and over the layers that count",
            )
        return checked_logits(logits, ids[:, part], self.vocabulary), seen

    def observe(self, state: State, logits: torch.Tensor) -> State:
        """A function of the ids alone remembers nothing."""
        return state


def _runs_from(begin: int, rows: torch.Tensor) -> bool:
    """These are `begin` and the rows behind it, one after another."""
    return torch.equal(rows, torch.arange(begin, begin + len(rows)))


# The share of what is forwarded that may be padding. An accelerator waits for calls and not for rows. On one core of a
# CPU padding costs what text does: 24 texts through `tiny` took 1.49 s in 47 calls of equal lengths, and 1.56, 1.61 and
# 1.69 s in 43, 28 and 16 calls, for which a 32nd, a 12th and a quarter could be padding (`documents.py`).
PADDED = 0.25
PADDED_ON_CPU = 0.0


def grouped(sequences: Mapping[int, torch.Tensor], spec: ModelSpec, device: str) -> list[list[int]]:
    """Rows that share a call: of equal length, or where padding is masked as many as leave no more than `PADDED` of
    what is forwarded to padding, on a CPU `PADDED_ON_CPU`."""
    most = PADDED_ON_CPU if torch.device(device).type == "cpu" else PADDED
    lengths = {row: len(ids) for row, ids in sequences.items()}
    groups: list[list[int]] = []
    longest = text = 0  # of the last group: its first length, and the sum of them all
    for row in sorted(lengths, key=lambda row: -lengths[row]):
        own = lengths[row]
        share = 1 - (text + own) / (longest * (len(groups[-1]) + 1)) if groups else 1.0
        if groups and (own == longest or (spec.padding == "masked" and share <= most)):
            groups[-1].append(row)
            text += own
        else:
            groups.append([row])
            longest = text = own
    return groups


def checked_logits(logits: object, ids: torch.Tensor, vocabulary: Vocabulary) -> torch.Tensor:
    """What a network returned for ids (N, L), as logits (N, L, V) without a gradient.

    Raises: ShapeError for what is no tensor of floats with a row for every token and a column for every id.
    """
    if not isinstance(logits, torch.Tensor):
        hint = "it has to return a tensor of logits: of a transformers output, `.logits`"
        raise ShapeError(f"the network returned a {type(logits).__name__}", hint=hint)
    if logits.ndim != 3 or logits.shape[:2] != ids.shape:
        raise ShapeError(
            f"the network returned {tuple(logits.shape)} for ids {tuple(ids.shape)}",
            hint="it has to return one row of logits for every token",
        )
    if logits.shape[-1] != vocabulary.size:
        raise ShapeError(
            f"the network's logits speak of {logits.shape[-1]:,} tokens, the vocabulary of {vocabulary.size:,}",
            hint="Vocabulary.from_tokenizer(..., size=COLUMNS) takes the columns that stand for no token",
        )
    if not logits.dtype.is_floating_point:
        raise ShapeError(f"the network's logits are {logits.dtype}, expected floats")
    return logits.detach()


def checked_attention(seen: torch.Tensor, row: int) -> torch.Tensor:
    """(T, T) float32 on the CPU. Raises: ModelError for what is no attention."""
    seen = seen.detach().to("cpu", torch.float32)
    if not (seen.isfinite() & (seen >= 0)).all():
        raise ModelError(f"the network's attention of row {row} is NaN, infinite or negative somewhere", row=row)
    return seen


def sequence(state: State, row: int, spec: ModelSpec) -> torch.Tensor:
    """(L,) int64: a row's prompt and its own canvas, padding left out, as the network reads them, filled up to a
    multiple of `round_to`.

    Behind an open end the fill is as open: stop tokens there would say that the answer fills the canvas to its end.
    """
    status = state.status[row]
    own = int((status != int(Status.PAD)).sum())
    ids = torch.cat([state.prompt[row], state.tokens[row, :own]])
    tail = -len(ids) % spec.round_to
    fill = spec.stop_ids[0]
    if spec.mask_id is not None and spec.noise == "mask" and own and status[own - 1] == int(Status.OPEN):
        fill = spec.mask_id
    return torch.cat([ids, torch.full((tail,), fill, dtype=ids.dtype)]) if tail else ids


def network_rows(prompt: int, length: int, spec: ModelSpec) -> torch.Tensor:
    """(T,) the row of the network that speaks of each position of a canvas. A text's first token has only its own."""
    at = torch.arange(prompt, prompt + length)
    ahead = torch.full_like(at, int(spec.logit_shift))
    if spec.first_token_ar and spec.block_length:
        ahead = torch.where(at % spec.block_length == 0, 1, ahead)
    return (at - ahead).clamp(min=0)


@dataclass(frozen=True)
class PlainTokenizer:
    """Any function from text to token ids, as the front door asks a tokenizer. It knows no special tokens.

    size: how many ids there are; None: not known.
    """

    ids: Callable[[str], Sequence[int]]
    size: int | None = None

    def encode(self, text: str, **_: object) -> list[int]:
        """The text's token ids. Raises: InputError for what is no list of them."""
        found = self.ids(text)
        try:
            ids = [operator.index(one) for one in found]
        except TypeError as error:
            what = f"{self.ids!r} made of a text: {repr(found)[:80]}"
            raise InputError(what, hint="a list of token ids", param="encode") from error
        wrong = [one for one in ids if one < 0 or (self.size is not None and one >= self.size)]
        if wrong:
            hint = f"ids run from 0 to {self.size - 1}" if self.size else "ids run from 0 on"
            raise InputError(f"{self.ids!r} made the id {wrong[0]} of a text", hint=hint, param="encode")
        return ids


def noisy(state: State, spec: ModelSpec) -> State:
    """The state with noise in its open positions; a complete row draws nothing."""
    if spec.noise == "mask":
        assert spec.mask_id is not None  # checked by ModelSpec
        drawn = torch.full_like(state.tokens, spec.mask_id)
    else:
        drawn = state.tokens.clone()
        lengths = state.lengths.tolist()
        for row in (~state.done).nonzero()[:, 0].tolist():
            own = lengths[row]
            drawn[row, :own] = torch.from_numpy(state.rngs[row].integers(0, spec.n_tokens, own))
    return replace(state, tokens=torch.where(state.open & ~state.cleared, drawn, state.tokens))


def noise_share(state: State) -> torch.Tensor:
    """(B,) float32, above 0: the share of each row's canvas, padding aside, that is noise; the time, to models told it.

    At least one position counts: a text is asked about because something in it is in doubt. Whoever knows better says
    so in the state's memory.
    """
    if NOISE_TOLD in state.memory:
        return state.memory[NOISE_TOLD]
    return (state.open & ~state.cleared).sum(dim=1).clamp(min=1).to(torch.float32) / state.lengths.clamp(min=1)


def clean(scores: torch.Tensor, ids: torch.Tensor, share: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """Log-probabilities of the clean token from log-scores (N, L, V), given the share of noise (N,)."""
    if spec.mask_id is not None and spec.noise == "mask":
        return absorbing_score(scores, ids, spec.mask_id)
    return uniform_score(scores, ids, sigma_of("loglinear", share.to(ids.device)))


def banned(logits: torch.Tensor, spec: ModelSpec) -> torch.Tensor:
    """The logits with every id that may not be written at -inf; in place, but where several entries are one number."""
    if 0 in logits.stride():
        logits = logits.clone()
    with torch.inference_mode(logits.is_inference()):
        logits[..., spec.n_tokens :] = -torch.inf
        logits[..., list(spec.never_written)] = -torch.inf
    return logits


def from_callable(
    network: Callable[..., Any],
    spec: ModelSpec,
    vocabulary: Vocabulary,
    *,
    device: str = "cpu",
    attention: bool = False,
) -> CallableDenoiser:
    """Make any function a denoiser: `(N, L)` int64 ids in, `(N, L, V)` logits out, a tensor that is written into.

    attention: it returns `(logits, attention)`, attention (N, L, L): how much position i looks at position j.
    """
    if not callable(network):
        raise InputError(
            f"network is a {type(network).__name__}", hint="a function from (N, L) ids to (N, L, V) logits"
        )
    return CallableDenoiser(Pair(network) if attention else network, spec, vocabulary, usable(device))
