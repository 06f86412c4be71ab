"""Our loop on an unmodified vLLM server that serves DiffusionGemma, through its read-only requests.

vLLM 0.33 can be asked to denoise a given canvas once and to say what it sees instead of what it writes: at every
position the K likeliest tokens with their log-probabilities, or those of up to 128 tokens by name. So the loop is here
and only the forward pass is there. Tokens that were not read are bounded from above: none is likelier than the K-th of
its position, nor than all that is left of its probability. A legal text that is best although every token not read
counts as much as its bound, and that uses none of these, is the best of all. One that does use some asks for just
these, and the search goes on; the bounds are right at every moment, so it ends with the true best text or says that it
does not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import torch

from ctrldiff.constraints.description import Description
from ctrldiff.engines.completions import Server, ServerFailed
from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.models.callable import banned, noisy
from ctrldiff.models.spec import ModelSpec
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import CommitPolicy, Posterior, Weighs
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary

NAMED = 128  # tokens that a request may name, vLLM 0.33
SLACK = 1e-5  # of a sum of float32 probabilities: what is left of 1 is never taken for less than this
SUM = 1e-3  # by how much a sum of probabilities may pass 1
SAME = 1e-6  # nats between two sums over all texts that are one


class Unproven(CtrldiffError):
    """The best text is not known after all the requests that were allowed. Fields: row, positions."""

    code = "UNPROVEN"


class Known:
    """What was read of one canvas.

    Fields: exact, (T, V) float32 log-probabilities, NaN where not read; bound, (T,) float32: no token that was not read
    is likelier than this.
    """

    def __init__(self, length: int, size: int) -> None:
        self.exact = torch.full((length, size), torch.nan)
        self.bound = torch.zeros(length)

    def learn(self, rows: Sequence[Mapping[int, float]], *, ranked: bool) -> None:
        """Take in one read. ranked: its tokens are the likeliest of each position, and not those of a list."""
        for at, row in enumerate(rows):
            self.exact[at, list(row)] = torch.tensor(list(row.values()))
            if ranked:
                self.bound[at] = min(float(self.bound[at]), min(row.values()))
        left = 1.0 - self.exact.to(torch.float64).exp().nansum(dim=1)
        self.bound = torch.minimum(self.bound, (left.clamp(min=0) + SLACK).log().to(torch.float32))

    def upper(self) -> torch.Tensor:
        """(T, V) no less than the log-probabilities, and these where they were read."""
        return torch.where(self.exact.isnan(), self.bound[:, None], self.exact)

    def lower(self) -> torch.Tensor:
        """(T, V) no more than the log-probabilities, and these where they were read."""
        return self.exact.nan_to_num(nan=-torch.inf)


@dataclass(eq=False)
class Reads:
    """The forward pass of a server: a `Denoiser` whose logits are upper bounds, exact where they were read.

    Fields:
        spec: how the model is read: its stop ids, its size, its noise.
        top: K, the likeliest tokens of each position that a first read asks for (a server allows `--max-logprobs`, 20).
        canvas_length: positions that the model works on together, as it is served; counted from the end of the prompt.
            Those behind the first canvas with an open position are not looked at yet: their rows are flat.
        asks: more reads of one canvas, of `NAMED` tokens each, before it counts as unproven.
        requests, steps, first: how often the server was asked, for how many canvases, and how many of them were proven
            by their first read. They count on.
    """

    server: Server
    spec: ModelSpec
    vocabulary: Vocabulary
    top: int = 20
    asks: int = 16
    canvas_length: int = 256
    requests: int = field(default=0, init=False)
    steps: int = field(default=0, init=False)
    first: int = field(default=0, init=False)
    _known: dict[bytes, Known] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        for name, least in (("top", 1), ("asks", 0), ("canvas_length", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise InputError(f"{name}={value!r}: an int of at least {least}", param=name)

    def noise(self, state: State) -> State:
        """Random tokens, drawn by each row's own generator, where the state is open (or masks, as the spec says)."""
        return noisy(state, self.spec)

    def observe(self, state: State, logits: torch.Tensor) -> State:
        """A read-only request begins without self-conditioning, so there is nothing to remember."""
        return state

    def __call__(self, state: State) -> torch.Tensor:
        rows = (~state.done).nonzero()[:, 0].tolist()
        for_row = {row: self.window(state, row) for row in rows}
        self._known = {
            self._key(state, row): Known(here.stop - here.start, self.vocabulary.size) for row, here in for_row.items()
        }
        self.ask(state, dict.fromkeys(rows, ()))
        self.steps += len(rows)
        return self.bounds(state, upper=True)

    def bounds(self, state: State, *, upper: bool) -> torch.Tensor:
        """(B, T, V) what is known of the state's canvases, by its bounds from above or from below."""
        out = torch.zeros((*state.shape, self.vocabulary.size))
        for row in (~state.done).nonzero()[:, 0].tolist():
            known = self.known(state, row)
            out[row, self.window(state, row)] = known.upper() if upper else known.lower()
        return banned(out, self.spec)

    def window(self, state: State, row: int) -> slice:
        """The canvas that a row is at: the first with an open position."""
        first = int(state.open[row].to(torch.uint8).argmax()) // self.canvas_length * self.canvas_length
        return slice(first, min(first + self.canvas_length, int(state.lengths[row])))

    def known(self, state: State, row: int) -> Known:
        """What was read of a row's canvas in this step."""
        return self._known[self._key(state, row)]

    def ask(self, state: State, wanted: Mapping[int, Sequence[int]]) -> None:
        """Read rows once more, side by side: the tokens they name, or the likeliest where they name none."""
        if not wanted:
            return
        with ThreadPoolExecutor(len(wanted)) as pool:
            reads = list(pool.map(lambda row: self._read(state, row, wanted[row]), wanted))
        self.requests += len(reads)
        for row, read in zip(wanted, reads):
            self.known(state, row).learn(read, ranked=not wanted[row])

    def _read(self, state: State, row: int, ids: Sequence[int]) -> list[dict[int, float]]:
        here = self.window(state, row)
        before, canvas = state.tokens[row, : here.start].tolist(), state.tokens[row, here].tolist()
        body = read_only([*state.prompt[row].tolist(), *before], canvas, top=self.top, ids=ids)
        return log_probs(self.server.complete(body), len(canvas), self.vocabulary.size, self.server.url)

    def _key(self, state: State, row: int) -> bytes:
        return torch.cat([state.prompt[row], state.tokens[row]]).numpy().tobytes()


def read_only(prompt: Sequence[int], canvas: Sequence[int], *, top: int, ids: Sequence[int]) -> dict[str, Any]:
    """The body of a request that denoises a canvas once and emits nothing but what it read, in vLLM 0.33's words."""
    return {
        "prompt": list(prompt),
        "max_tokens": len(canvas),
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,  # the model's own defaults would cut rows before they are read
        "min_p": 0.0,
        "ignore_eos": True,
        "logprobs": len(ids) or top,
        **({"logprob_token_ids": list(ids)} if ids else {}),
        "return_tokens_as_token_ids": True,
        "vllm_xargs": {
            "diffusion_seed_canvas": list(canvas),
            "diffusion_canvas_length": len(canvas),
            "diffusion_max_steps": 1,
            "diffusion_read_only": 1,
        },
    }


def log_probs(answer: Mapping[str, Any], length: int, size: int, url: str) -> list[dict[int, float]]:
    """(T,) the log-probabilities of each position that a server answered.

    Args: length, of the canvas; size, of the vocabulary.
    Raises: ServerFailed for anything else.
    """

    def failed(what: str, hint: str) -> ServerFailed:
        return ServerFailed(f"{url} {what}", hint=hint, status=200, url=url, tries=1)

    try:
        rows = answer["choices"][0]["logprobs"]["top_logprobs"]
        read = [{int(name.removeprefix("token_id:")): float(value) for name, value in row.items()} for row in rows]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        hint = "vLLM 0.33 or later, serving DiffusionGemma"
        raise failed("answered without log-probabilities by token id", hint) from error
    if len(read) != length or not all(read):
        hint = "vLLM 0.33 or later, serving DiffusionGemma with a canvas of at least that length"
        raise failed(f"read {len(read)} positions of a canvas of {length}", hint)
    if max(max(row) for row in read) >= size or min(min(row) for row in read) < 0:
        raise failed(f"read tokens beyond the {size:,} of the vocabulary", "the vocabulary of the model that is served")
    # A comparison with NaN is false.
    if not all(max(row.values()) < SUM and sum(map(math.exp, row.values())) < 1 + SUM for row in read):
        raise failed("answered numbers that are no log-probabilities", "serve with --logprobs-mode raw_logprobs")
    return read


@dataclass(frozen=True)
class Proven:
    """A constraint whose best text is proven at every step, by as many reads as it takes."""

    inner: Weighs
    reads: Reads

    def bind(self, logits: torch.Tensor, state: State) -> Posterior:
        """The posterior of what is known once the best text is. `logits` are those of `reads`, and not looked at.

        Raises: Unproven.
        """
        going = (~state.done).nonzero()[:, 0].tolist()
        for tried in range(self.reads.asks + 1):
            upper = self.inner.weigh(self.reads.bounds(state, upper=True), state)
            tokens = upper.map().cpu()
            unread = {row: self._unread(state, row, tokens[row]) for row in going}
            if not tried:
                self.reads.first += sum(not where.any() for where in unread.values())
            unread = {row: where for row, where in unread.items() if where.any()}
            if not unread:
                lower = self.inner.weigh(self.reads.bounds(state, upper=False), state)
                return cast(Posterior, Bounded(lower, tokens, (lower.log_z() - upper.log_z()).cpu()))
            if tried < self.reads.asks:
                likeliest, probs = upper.top(min(NAMED, self.reads.vocabulary.size))
                likeliest = likeliest.masked_fill(probs == 0, -1).cpu()
                wanted = {row: self._names(state, row, tokens[row], likeliest[row]) for row in unread}
                self.reads.ask(state, wanted)
        row, where = next(iter(unread.items()))
        raise Unproven(
            f"row {row}: after {self.reads.asks + 1} reads the best text still uses tokens that were not read",
            why=f"at positions {where.nonzero()[:, 0].tolist()}",
            hint="a larger top= (the server's --max-logprobs allows it), or more asks=",
            row=row,
            positions=tuple(where.nonzero()[:, 0].tolist()),
        )

    def _unread(self, state: State, row: int, tokens: torch.Tensor) -> torch.Tensor:
        """(T,) where these tokens of a row are to be written, in the canvas it is at, and were not read."""
        where, here = torch.zeros_like(state.open[row]), self.reads.window(state, row)
        missing = self.reads.known(state, row).exact.gather(1, tokens[here, None])[:, 0].isnan()
        where[here] = state.open[row, here] & missing
        return where

    def _names(self, state: State, row: int, tokens: torch.Tensor, likeliest: torch.Tensor) -> list[int]:
        """The tokens to read next: those of the best text, then the likeliest that were not read where it uses such."""
        exact, first = self.reads.known(state, row).exact, self.reads.window(state, row).start
        where = self._unread(state, row, tokens).nonzero()[:, 0]
        columns = torch.cat([tokens[where][:, None], likeliest[where]], dim=1)
        names: dict[int, None] = {}
        for rank in range(columns.shape[1]):
            for at, token in zip(where.tolist(), columns[:, rank].tolist()):
                if token >= 0 and bool(exact[at - first, token].isnan()):
                    names[token] = None
        return sorted(list(names)[:NAMED])

    def settle(self, state: State) -> State:
        return self.inner.settle(state)


@dataclass(frozen=True)
class Bounded:
    """A posterior of which the best text is known, and of everything else as much as was read.

    Fields: lower, the posterior by what was read alone; tokens, (B, T) the best text; short, (B,) nats by which all
    that was read may fall short of all there is: 0 where every legal token was.
    """

    lower: Posterior
    tokens: torch.Tensor
    short: torch.Tensor

    def map(self, n: int | None = None) -> torch.Tensor:
        """(B, T) the best text."""
        return self.tokens if n is None else self._whole("map").map(n)

    def confidence(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T) the constrained marginals, or less: what was read for a token, out of all that there may be."""
        return self.lower.confidence(tokens).cpu() * self.short.exp().to(torch.float32)[:, None]

    def _whole(self, name: str) -> Posterior:
        if bool((self.short < -SAME).any()):
            raise InputError(
                f"{name} is asked of a posterior of which only the best text is known",
                why="legal tokens were not read, so their probabilities are bounds",
                hint="a commit policy by position, or by confidence, which is then a lower bound",
            )
        return self.lower

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whole(name), name)


@dataclass(frozen=True)
class Decoded:
    """One answer.

    Fields: tokens, (T,) ids with the end's; raw, the bytes they spell; forwards, steps it took part in.
    """

    tokens: tuple[int, ...]
    raw: bytes
    forwards: int


def decode(
    reads: Reads,
    prompts: Sequence[Sequence[int]],
    constraint: Description | Table,
    length: int,
    *,
    steps: int | None = None,
    commit: CommitPolicy = TopK("position"),
    seed: int = 0,
) -> list[Decoded]:
    """Answers to prompts, the best text under the constraint proven at every step.

    Args:
        prompts: token ids, with the chat template and all that belongs before the canvas.
        length: positions of an answer, written one canvas after the other.
        steps: at most; one for each position if None.
        commit: what of the best text is kept in a step. By position it is what the same loop would keep on the model
            itself; by confidence it is careful, for confidences are lower bounds.
        seed: of the noise.
    Raises: BudgetTooSmall, Unproven, ServerFailed.
    """
    table = constraint if isinstance(constraint, Table) else constraint.compile(reads.vocabulary)
    state = State.blank(prompts, length, seed=seed)
    proven = Proven(Tables.same(table, len(prompts)), reads)
    schedule = Linear(steps) if length <= reads.canvas_length else Blocks(reads.canvas_length, steps)
    state = sample(reads, state, constraint=proven, schedule=schedule, commit=commit)
    rows = zip(state.tokens.tolist(), state.forwards.tolist())
    return [Decoded(tuple(ids), reads.vocabulary.decode(ids), forwards) for ids, forwards in rows]
