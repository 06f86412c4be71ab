"""One block of an answer, constrained: what every engine shim asks.

An engine shows one block and keeps the loop. What the constraint needs beyond that is small: the state of the automaton
after the tokens before the block, and how many positions are left from the block's first one on (law X7: the whole
remaining canvas counts, although only the block is seen).

Nothing here is drawn from a clock, a global generator or a rank: the same arguments give the same bytes everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch

from ctrldiff.errors import BudgetTooSmall, InputError, ShapeError
from ctrldiff.posterior.arrays import whole_number
from ctrldiff.posterior.chain import ChainPosterior
from ctrldiff.posterior.table import Table

Keep: TypeAlias = Literal["only", "first", "all"]
BEYOND = 32  # positions behind a block in which a legal end is looked for, where a proviso is to be kept
DRAWS = 8  # draws of a block that are tried for one that has such an end
CHOICES = 64  # tokens of a position that `rewritten` leaves under a proviso
LIFT = 0.0625  # by how much the proposal leads its row where it is not the most probable; exact in every float type


@dataclass(frozen=True)
class Solved:
    """One legal way to write a block.

    Fields (T positions of the block):
        tokens: (T,) int64 on the CPU: a legal completion, what is held included.
        confidence: (T,) float32 on the CPU: the constrained marginal of each; 1 where held.
        posterior: over the first `inside` positions; behind them the answer's budget is used up and stop ids follow.
        beyond: under a proviso, the same and the positions behind them, on which nothing weighs: what it finds can be
            finished. Else None.
    """

    tokens: torch.Tensor
    confidence: torch.Tensor
    posterior: ChainPosterior | None
    inside: int
    beyond: ChainPosterior | None = None

    def can_be(self, position: int, token: int) -> bool:
        """A legal text was found with this token at this position of the block."""
        of = self.beyond or self.posterior
        assert of is not None
        T, device = len(of.rows[0].written), of.port.device
        tokens = torch.full((T,), token, device=device)
        return bool(of.feasible(tokens, torch.arange(T, device=device) == position))


def solve(
    table: Table,
    start: int,
    logits: torch.Tensor,
    canvas: torch.Tensor,
    free: torch.Tensor,
    left: int,
    *,
    before: Sequence[int] | torch.Tensor = (),
    temperature: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Solved:
    """Constrain one block: the best legal completion of its free positions that can still be finished in time.

    Args:
        table: the constraint over the model's vocabulary.
        start: the state after the answer's tokens before the block: `table.walk(tokens)`.
        logits: (T, V), any device and float type; rows of held positions are not read.
        canvas: (T,) int64, the block's tokens.         free: (T,) bool, which of them are still to be written.
        left: positions of the answer from the block's first one on; the block may end before or behind them.
        before: the answer's tokens before the block. Only a table with a proviso reads them: what was written decides
            what may not be written again.
        temperature: 0 for the most probable completion (ties: first in token-id order), else an exact draw by `rng`.
    Raises: Infeasible if what is held cannot be continued to a whole text, naming the position; BudgetTooSmall if no
        text of this state fits in `left` positions.
    """
    start = whole_number("start", start, 0, table.n_states - 1)
    if isinstance(left, bool) or not isinstance(left, int | np.integer):
        raise ShapeError(f"left={left!r} is no whole number", hint="positions of the answer from the block's first on")
    if not isinstance(temperature, int | float) or not 0 <= temperature < math.inf:
        raise InputError(f"temperature={temperature!r}: a finite number of at least 0", param="temperature")
    if free.shape != canvas.shape or free.dtype != torch.bool or canvas.ndim != 1 or logits.shape[:1] != canvas.shape:
        shapes = f"logits {tuple(logits.shape)}, canvas {tuple(canvas.shape)}, free {tuple(free.shape)} {free.dtype}"
        raise ShapeError(f"{shapes} do not fit together", hint="logits (T, V), canvas (T,) int64, free (T,) bool")
    T = len(canvas)
    inside = max(0, min(T, left))
    if table.chain.distance[start] > max(left, 0):
        raise BudgetTooSmall(
            f"the shortest way to finish the answer takes {table.chain.distance[start]} tokens, {left} are left",
            hint="give the answer more positions, or loosen the constraint",
            shortest=int(table.chain.distance[start]),
            budget=left,
            row=0,
            position=None,
        )
    stop = table.vocabulary.stop_ids[0] if table.vocabulary and table.vocabulary.stop_ids else 0
    tokens, confidence = torch.full((T,), stop, dtype=torch.int64), torch.ones(T)
    if not inside:
        return Solved(tokens, confidence, None, 0)
    scores = logits[:inside].to(torch.float32)
    held = torch.where(free, -1, canvas)[:inside]
    scores = scores / temperature if temperature > 0 else scores
    text = _text(table, start, before)
    posterior = table.ahead(start, left - inside, text).bind(scores, held)
    beyond = None if table.proviso is None else _beyond(table, start, text, scores, held, left - inside)
    if temperature > 0 and rng is None:
        raise InputError(f"temperature={temperature} needs a generator", hint="pass rng=np.random.default_rng(seed)")
    found = _proposed(posterior, beyond, rng if temperature > 0 else None)
    tokens[:inside], confidence[:inside] = found.cpu(), posterior.confidence(found).cpu()
    return Solved(tokens, confidence, posterior, inside, beyond)


def _text(table: Table, start: int, before: Sequence[int] | torch.Tensor) -> bytes:
    """The text before a block, where a proviso has to know it. Raises: InputError if it is not given."""
    if table.proviso is None or table.vocabulary is None:
        return b""
    text = table.vocabulary.decode(int(token) for token in before)
    if not text and start != table.start:
        raise InputError(
            "this constraint has to know what was written before the block",
            why="what is there already must not come again: a key of an object, an item of a set",
            hint="solve(..., before=tokens), the tokens that were walked to `start`",
        )
    return text


def _beyond(
    table: Table, start: int, text: bytes, scores: torch.Tensor, held: torch.Tensor, after: int
) -> ChainPosterior:
    """The posterior of a block and what follows it, as far as is looked."""
    more = min(after, BEYOND)
    wide = torch.cat([scores, scores.new_zeros(more, scores.shape[1])])
    return table.ahead(start, after - more, text).bind(wide, torch.cat([held, held.new_full((more,), -1)]))


def _proposed(
    posterior: ChainPosterior, beyond: ChainPosterior | None, rng: np.random.Generator | None
) -> torch.Tensor:
    """(T,) the best completion, or with a generator a draw, that can be finished behind the block."""
    T = len(posterior.rows[0].written)
    for _ in range(1 if rng is None else DRAWS):
        found: torch.Tensor = posterior.map() if rng is None else posterior.sample(1, rngs=[rng])[0]
        if beyond is None:
            return found
        more = len(beyond.rows[0].written) - T
        whole = torch.nn.functional.pad(found, (0, more))
        if beyond.feasible(whole, torch.arange(T + more, device=found.device) < T):
            return found
    assert beyond is not None
    best: torch.Tensor = beyond.map()
    return best[:T]


def never(dtype: torch.dtype) -> float:
    """The score of what may not be written: finite, since some samplers multiply p by log p and get NaN from -inf."""
    return max(-1e20, torch.finfo(dtype).min / 2)


def rewritten(solved: Solved, logits: torch.Tensor, keep: Keep = "only") -> torch.Tensor:
    """(T, V) scores of a block for an engine that picks tokens itself, in the type and on the device of `logits`.

    Args:
        keep: "only": nothing but the proposal can be picked, so whatever the engine does is legal. Its own sense of
                which position is certain is lost: every row has confidence 1.
            "first": constrained log-marginals, and the proposal leads each row. For engines that write the best token
                of a row, at any number of positions (law X1), and rank positions by confidence, margin or entropy.
            "all": constrained log-marginals. Any token drawn at *one* position is legal; two together need not be
                (law X2). Under a proviso no more than the `CHOICES` likeliest tokens of a position can be picked.
    """
    low = never(logits.dtype)
    tokens = solved.tokens.to(logits.device)[:, None]
    out = torch.full_like(logits, low)
    if keep == "only" or solved.posterior is None:
        return out.scatter_(1, tokens, 0.0)
    marginals = solved.posterior.marginals()
    log = (marginals / marginals.amax(dim=-1, keepdim=True)).log().to(logits.dtype)
    out[: solved.inside] = log.masked_fill(marginals == 0, low).clamp(min=low)
    if keep == "all" and solved.beyond is not None:
        _leave_out_what_repeats(out[: solved.inside], solved, low)
    out[solved.inside :].scatter_(1, tokens[solved.inside :], 0.0)
    if keep == "all":
        return out
    # A tie after rounding to a short float type would let another token lead.
    rivals = out.scatter(1, tokens, low).amax(dim=-1, keepdim=True)
    led = out.gather(1, tokens) > rivals
    return out.scatter_(1, tokens, torch.where(led, out.gather(1, tokens), torch.full_like(rivals, LIFT)))


def _leave_out_what_repeats(out: torch.Tensor, solved: Solved, low: float) -> None:
    """Of each row (T, V) leave the likeliest tokens, of these those with which some legal text was found."""
    for position, row in enumerate(out):
        best = row.topk(min(CHOICES, len(row)))
        kept = [
            (token, score)
            for token, score in zip(best.indices.tolist(), best.values.tolist())
            if score > low and solved.can_be(position, token)
        ]
        row.fill_(low)
        for token, score in kept:
            row[token] = score


def row_table(tables: Table | Sequence[Table], row: int, rows: int) -> Table:
    """The table of a row: one for all, one each, or one for every run of rows (several answers to one prompt)."""
    if isinstance(tables, Table):
        return tables
    if not tables or rows % len(tables):
        raise InputError(f"{len(tables)} constraints for {rows} rows", hint="one for all rows, or one for each prompt")
    return tables[row * len(tables) // rows]


def edited(
    table: Table,
    start: int,
    logits: torch.Tensor,
    canvas: torch.Tensor,
    free: torch.Tensor,
    left: int,
    *,
    threshold: float,
    before: Sequence[int] | torch.Tensor = (),
) -> torch.Tensor:
    """(T,) int64 on the CPU: the canvas with held tokens replaced where the model has become sure of others.

    For engines that edit what they wrote. The block is solved with everything open (law X5: clear, then solve); a held
    token gives way where that completion differs and its constrained marginal is above `threshold`. All replacements
    together if a legal text allows it, otherwise one after the other, the surest first, those that still allow one.
    Arguments as `solve`; what must never change belongs before the block.
    """
    whole = solve(table, start, logits, canvas, torch.ones_like(free), left, before=before)
    now, held = canvas.cpu().clone(), ~free.cpu()
    wanted = held & (whole.tokens != now) & (whole.confidence > threshold)
    if whole.posterior is None or not wanted.any():
        return now
    inside, device = whole.inside, logits.device

    def fits(tokens: torch.Tensor) -> bool:
        assert whole.posterior is not None
        return bool(whole.posterior.feasible(tokens[:inside].to(device), held[:inside].to(device)))

    together = torch.where(wanted, whole.tokens, now)
    if fits(together):
        return together
    for position in sorted(wanted.nonzero()[:, 0].tolist(), key=lambda t: (-float(whole.confidence[t]), t)):
        trial = now.clone()
        trial[position] = whole.tokens[position]
        now = trial if fits(trial) else now
    return now
