"""Every buffer of a step, made once, and the launches of a step in their order.

A launch reads and writes buffers of the workspace alone and none waits for the device: `read`, `close`, `best`, `sums`,
`spread` and what follows them can be recorded as one CUDA graph and replayed, on logits and written tokens that were
copied into the same places. Buffers are made when a launch first needs them: once it has run, it allocates nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Concatenate, ParamSpec

import torch

from ctrldiff.posterior.gpu import along, read, spread, sweep
from ctrldiff.posterior.gpu.pack import FEW, MOST_LANES, NARROW, PER_TILE, SOME, WIDE, Pack
from ctrldiff.posterior.lifted import Lifted

P = ParamSpec("P")
TILE = 1024  # edges that a program of a sweep takes at a time
ALONE = 4  # tiles of a line that one program takes; where there are more, several do, and each line is a launch
EACH = 16  # segments, classes or edges that one entry is gathered from at a time
MANY = 64  # entries of a line that a program works out
LINE = 512  # states or positions of a line at a time


def launch(work: Callable[Concatenate[Workspace, P], None]) -> Callable[Concatenate[Workspace, P], None]:
    """Launches on the device where the logits are, which need not be the current one."""

    @wraps(work)
    def there(self: Workspace, *args: P.args, **kwargs: P.kwargs) -> None:
        with torch.cuda.device_of(self.logits):
            work(self, *args, **kwargs)

    return there


@dataclass(frozen=True, eq=False)
class Workspace:
    """The buffers of B rows of T positions, for logits (B, T, V) and what is `written` (B, T), -1 where open.

    Both stay where they are: whoever wants another answer copies into them. Names as in `posterior/row.py`.
    """

    pack: Pack
    logits: torch.Tensor
    written: torch.Tensor
    raw: bool

    @staticmethod
    def of(tables: Sequence[Lifted], logits: torch.Tensor, written: torch.Tensor, raw: bool) -> Workspace:
        """A table for each row. The last axis of the logits is to be contiguous; `written` is int64 on their device."""
        return Workspace(Pack.of(tables, logits.device), logits, written.contiguous(), raw)

    @property
    def fits(self) -> bool:
        """No line needs more programs than an axis of a grid has."""
        pack = self.pack
        lanes = pack.tiles, *(blocks(n, MANY) for n in (pack.labels, pack.classes + 1)), blocks(pack.tokens, WIDE)
        return max(lanes) <= MOST_LANES

    @property
    def lines(self) -> int:
        """B * T."""
        return int(self.written.numel())

    def _new(self, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return torch.empty(shape, dtype=dtype, device=self.logits.device)

    # --- buffers -------------------------------------------------------------------------------------------------

    @cached_property
    def seg(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B * T, G) of each segment the best score, the sum above it, the first best token."""
        shape = self.lines, self.pack.segments
        return self._new(*shape, dtype=torch.float32), self._new(*shape), self._new(*shape, dtype=torch.int32)

    @cached_property
    def classes(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B * T, C + 1) of each class the best score, the log-sum, the first best token."""
        shape = self.lines, self.pack.classes + 1
        return self._new(*shape, dtype=torch.float32), self._new(*shape), self._new(*shape, dtype=torch.int32)

    @cached_property
    def line(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(B * T,) the log-sum of all tokens, and what is wrong with the scores."""
        return self._new(self.lines), self._new(self.lines, dtype=torch.int32)

    @cached_property
    def labels(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B * T, L) of each label the best score, the log-sum, the first best token."""
        shape = self.lines, self.pack.labels
        return self._new(*shape), self._new(*shape), self._new(*shape, dtype=torch.int32)

    @cached_property
    def best_value(self) -> torch.Tensor:
        """(1, B, T + 1, S) the best weight of what is left."""
        return self._new(1, len(self.written), self.written.shape[1] + 1, self.pack.states)

    @cached_property
    def value(self) -> torch.Tensor:
        """(2, B, T + 1, S) the log-summed weight of what is left, and of what came before."""
        return self._new(2, len(self.written), self.written.shape[1] + 1, self.pack.states)

    @cached_property
    def plain_value(self) -> torch.Tensor:
        """(1, B, T + 1, S) as the first half of `value`, the weights of edges left out."""
        return self._new(1, len(self.written), self.written.shape[1] + 1, self.pack.states)

    @cached_property
    def weight(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B,) the summed weight of all strings, its log-probability, and what is wrong with a row."""
        return self._new(len(self.written)), self._new(len(self.written)), self._fault()

    @cached_property
    def best_weight(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """(B,) the same of the best string."""
        return self._new(len(self.written)), self._new(len(self.written)), self._fault()

    def _fault(self) -> torch.Tensor:
        return self._new(len(self.written), dtype=torch.int32)

    @cached_property
    def strings(self) -> torch.Tensor:
        """(B, T) the best strings."""
        return torch.empty_like(self.written)

    @cached_property
    def taken(self) -> torch.Tensor:
        """(B * T, L) the probability of each label."""
        return self._new(self.lines, self.pack.labels)

    @cached_property
    def gain(self) -> torch.Tensor:
        """(B * T, C + 1) what to add to a token's score for the log of its marginal."""
        return self._new(self.lines, self.pack.classes + 1, dtype=torch.float32)

    # --- launches ------------------------------------------------------------------------------------------------

    @launch
    def read(self) -> None:
        """K1: fills `seg` from the logits. What is written later makes none of it wrong."""
        pack, x, T = self.pack, self.logits, self.written.shape[1]
        of_row, of_position, _ = x.stride()
        read.read_segments[(self.lines, pack.tiles)](
            pack.ints,
            pack.meta,
            x,
            self.written,
            *self.seg,
            T,
            of_row,
            of_position,
            pack.segments,
            PER_TILE,
            NARROW,
            WIDE,
        )

    @launch
    def close(self) -> None:
        """K1's end and K2: fills `classes`, `line` and `labels`, from what was read."""
        pack, T = self.pack, self.written.shape[1]
        G, CS, LS = pack.segments, pack.classes + 1, pack.labels
        read.close_classes[(self.lines,)](
            pack.ints, pack.meta, self.written, *self.seg, *self.classes, *self.line, T, G, CS, MANY, EACH
        )
        read.read_labels[(self.lines, blocks(LS, MANY))](
            pack.ints, pack.meta, *self.classes, *self.labels, T, CS, LS, MANY, EACH
        )

    def narrowed(self, written: torch.Tensor) -> Workspace:
        """The same logits with more written, and what was read of them."""
        other = Workspace(self.pack, self.logits, written.contiguous(), self.raw)
        other.__dict__["seg"] = self.seg
        return other

    @launch
    def best(self) -> None:
        """K3: fills `best_value`, `best_weight` and `strings`, from `close`."""
        pack, (B, T) = self.pack, self.written.shape
        label_max, _, label_first = self.labels
        self.sweep(pack.weights, label_max, self.best_value, 1, False)
        spread.close_rows[(B,)](
            pack.meta, self.best_value, *self.line, *self.best_weight, T, pack.states, self.raw, LINE
        )
        sweep.walk_best[(B,)](
            pack.ints,
            pack.weights,
            pack.meta,
            label_max,
            label_first,
            self.best_value,
            self.strings,
            T,
            pack.states,
            pack.labels,
            LINE,
        )

    @launch
    def sums(self) -> None:
        """K3: fills `value` and `weight`, from `close`."""
        pack, (B, T) = self.pack, self.written.shape
        self.sweep(pack.weights, self.labels[1], self.value, 2, True)
        spread.close_rows[(B,)](pack.meta, self.value, *self.line, *self.weight, T, pack.states, self.raw, LINE)

    def sweep(
        self, weights: torch.Tensor, scores: torch.Tensor, value: torch.Tensor, directions: int, is_sum: bool
    ) -> None:
        """Both sweeps of all rows: one launch, or with several programs a row one for each line."""
        pack, (B, T) = self.pack, self.written.shape
        size = pack.states, pack.labels
        sweep.begin_lines[(B, blocks(pack.states, LINE), directions)](
            pack.ints, pack.meta, value, B, T, pack.states, LINE
        )
        few, some, many = pack.degrees
        tiles = blocks(few, TILE // FEW), blocks(some, TILE // SOME), many
        programs = 1 if sum(tiles) <= ALONE else max(tiles)  # each has a tile or less of every kind
        for first, last in [(0, T)] if programs == 1 else [(i, i + 1) for i in range(T)]:
            sweep.sweep_edges[(B, programs, directions)](
                pack.ints, weights, pack.meta, scores, value, B, T, *size, first, last, is_sum, FEW, SOME, TILE
            )

    @launch
    def spread(self) -> None:
        """K4: fills `taken` and `gain`, from `sums`."""
        pack, (B, T) = self.pack, self.written.shape
        class_max, class_sum, _ = self.classes
        spread.spread_labels[(self.lines, blocks(pack.labels, MANY))](
            pack.ints,
            pack.weights,
            pack.meta,
            self.labels[1],
            self.value,
            self.weight[0],
            self.taken,
            B,
            T,
            pack.states,
            pack.labels,
            MANY,
            EACH,
        )
        spread.spread_classes[(self.lines, blocks(pack.classes + 1, MANY))](
            pack.ints,
            pack.meta,
            class_max,
            class_sum,
            self.labels[1],
            self.taken,
            self.gain,
            T,
            pack.classes + 1,
            pack.labels,
            MANY,
            EACH,
        )

    @launch
    def marginals(self, out: torch.Tensor) -> None:
        """Fills (B, T, V) float32 probabilities, from `spread`."""
        V, T = self.logits.shape[2], self.written.shape[1]
        spread.spread_tokens[(self.lines, blocks(V, WIDE))](
            *self._tokens_of(), out, T, V, *self.logits.stride()[:2], self.pack.classes + 1, WIDE
        )

    @launch
    def confidence(self, tokens: torch.Tensor, out: torch.Tensor) -> None:
        """Fills (B, T) float32, the marginals of these tokens (B, T), from `spread`."""
        B, T = self.written.shape
        spread.spread_chosen[(B, blocks(T, LINE))](
            *self._tokens_of(), tokens, out, T, *self.logits.stride()[:2], self.pack.classes + 1, LINE
        )

    @launch
    def beliefs(self, margin: torch.Tensor, entropy: torch.Tensor) -> None:
        """Fills (B, T) float32 twice, from `spread`."""
        V, T = self.logits.shape[2], self.written.shape[1]
        spread.spread_beliefs[(self.lines,)](
            *self._tokens_of(), margin, entropy, T, V, *self.logits.stride()[:2], self.pack.classes + 1, WIDE
        )

    def _tokens_of(self) -> tuple[torch.Tensor, ...]:
        return self.pack.ints, self.pack.meta, self.logits, self.written, self.classes[0], self.gain

    @launch
    def anchored(self, out: torch.Tensor) -> None:
        """Fills (B, T) float32, the probability of the likeliest state before each position, from `sums`."""
        B, T = self.written.shape
        spread.likeliest_states[(self.lines,)](
            self.pack.meta, self.value, self.weight[0], out, B, T, self.pack.states, LINE
        )

    @launch
    def given(self, tokens: torch.Tensor, local: torch.Tensor, legal: torch.Tensor, surprise: torch.Tensor) -> None:
        """Fills (B, T) float32 each, of one string a row (B, T), from `best`; see `along.walk_given`."""
        pack, (B, T) = self.pack, self.written.shape
        along.walk_given[(B,)](
            pack.ints,
            pack.meta,
            self.logits,
            self.written,
            tokens,
            self.line[0],
            self.labels[1],
            self.best_value,
            local,
            legal,
            surprise,
            T,
            *self.logits.stride()[:2],
            pack.states,
            pack.labels,
            self.raw,
            MANY,
        )

    @launch
    def leading(self, tokens: torch.Tensor, sure: torch.Tensor, mass: torch.Tensor) -> None:
        """Fills (B, T) int64 and (B,) float32 twice, from `best`, and from `sums` where edges have weights; see
        `along.walk_first`."""
        pack, (B, T), value, plain = self.pack, self.written.shape, self.best_value, self.best_value
        if pack.weighted:
            value, plain = self.value, self.plain_value
            self.sweep(pack.plain, self.labels[1], plain, 1, True)
        along.walk_first[(B,)](
            pack.ints,
            pack.weights,
            pack.meta,
            self.written,
            self.line[0],
            *self.labels,
            self.best_value,
            value,
            plain,
            tokens,
            sure,
            mass,
            T,
            pack.states,
            pack.labels,
            self.raw,
            pack.weighted,
            LINE,
        )

    @launch
    def sample(self, seeds: torch.Tensor, out: torch.Tensor) -> None:
        """Fills (B, n, T) with draws, from `sums` and a key of each row (B,) int64."""
        pack, (B, T), (class_max, class_sum, _) = self.pack, self.written.shape, self.classes
        sweep.walk_sample[(B, out.shape[1])](
            pack.ints,
            pack.weights,
            pack.meta,
            self.logits,
            self.written,
            class_max,
            class_sum,
            self.labels[1],
            self.value,
            seeds,
            out,
            B,
            T,
            *self.logits.stride()[:2],
            pack.states,
            pack.labels,
            pack.classes + 1,
            LINE,
            WIDE,
        )


def blocks(count: int, size: int) -> int:
    """How many programs of `size` it takes for so many; at least one."""
    return max(1, -(-count // size))
