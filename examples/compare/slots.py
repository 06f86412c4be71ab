"""Slots of a scaffold, filled: S2 and S3 with slots of a fixed length, DIA with lengths looked up first.

Baselines, as published: a slot's length is guessed before its value is known, and nothing is enforced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from ctrldiff.protocols import Denoiser
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.constrain import FREE, normalised
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Linear
from ctrldiff.state import State
from examples.compare.scaffold import SLOT, Scaffold

Encode = Callable[[str], list[int]]
GROWTH = 8  # noise positions that DIA adds to a slot whose end it does not see
CLOSING = 0.5  # how probable a closing token has to be


@dataclass(frozen=True)
class Filled:
    """Texts of filled scaffolds. Fields: texts; forwards, of each row."""

    texts: tuple[bytes, ...]
    forwards: tuple[int, ...]


def fill(
    denoiser: Denoiser,
    prompts: Sequence[Sequence[int]],
    scaffolds: Sequence[Scaffold],
    encode: Encode,
    *,
    steps: int | None = 16,
    lengths: Sequence[Sequence[int]] | None = None,
) -> Filled:
    """S2: denoise the slots alone, top-k by confidence, nothing reopened; 16 positions a slot unless `lengths` says.

    S3 is the same with a prompt that names a null word (`examples.compare.scaffold.NOTE`) for what is absent and
    for room that is left (arXiv:2507.04504).
    """
    slots = [[SLOT] * len(one.quoted) for one in scaffolds] if lengths is None else lengths
    state, where = _start(denoiser, prompts, scaffolds, encode, slots)
    state = sample(denoiser, state, constraint=FREE, schedule=Linear(steps), commit=TopK())
    rows = zip(scaffolds, state.tokens.tolist(), where, strict=True)
    texts = tuple(one.read(ids, at, denoiser.vocabulary) for one, ids, at in rows)
    return Filled(texts, tuple(state.forwards.tolist()))


def fill_to_measure(
    denoiser: Denoiser,
    prompts: Sequence[Sequence[int]],
    scaffolds: Sequence[Scaffold],
    encode: Encode,
    *,
    steps: int | None = 16,
    longest: int = 4 * SLOT,
) -> Filled:
    """As `fill`, with DIA's lengths (arXiv:2606.04535).

    A slot ends at its first confident closing token; where there is none it grows by 8 positions and is looked at
    again, up to `longest`. Every look is a forward pass.
    """
    lengths = [[GROWTH] * len(one.quoted) for one in scaffolds]
    settled = [[False] * len(one.quoted) for one in scaffolds]
    looks = [0] * len(scaffolds)
    while not all(all(row) for row in settled):
        state, where = _start(denoiser, prompts, scaffolds, encode, lengths)
        best = normalised(denoiser(denoiser.noise(state))).max(dim=-1)
        sure, tokens = best.values.exp().cpu(), best.indices.cpu()
        for b, one in enumerate(scaffolds):
            looks[b] += not all(settled[b])
            for n, at in enumerate(where[b]):
                if not settled[b][n]:
                    quoted = one.quoted[n]
                    ends = (
                        k for k, t in enumerate(at) if sure[b, t] >= CLOSING and _closes(denoiser, tokens[b, t], quoted)
                    )
                    end = next(ends, None)
                    lengths[b][n] = max(1, end) if end is not None else min(len(at) + GROWTH, longest)
                    settled[b][n] = end is not None or lengths[b][n] >= longest
    done = fill(denoiser, prompts, scaffolds, encode, steps=steps, lengths=lengths)
    return replace(done, forwards=tuple(a + b for a, b in zip(done.forwards, looks, strict=True)))


def _closes(denoiser: Denoiser, token: torch.Tensor, quoted: bool) -> bool:
    piece = denoiser.vocabulary[int(token)] or b""
    return piece.startswith(b'"') if quoted else piece[:1] in (b",", b"}")


def _start(
    denoiser: Denoiser,
    prompts: Sequence[Sequence[int]],
    scaffolds: Sequence[Scaffold],
    encode: Encode,
    slots: Sequence[Sequence[int]],
) -> tuple[State, list[list[range]]]:
    """Canvases with the scaffolds written, stop tokens behind them, and where the slots are."""
    rows = [one.canvas(encode, lengths) for one, lengths in zip(scaffolds, slots, strict=True)]
    longest = max((len(ids) for ids, _ in rows), default=0)
    stop = denoiser.vocabulary.stop_ids[0]
    written = torch.tensor([ids + [stop] * (longest - len(ids)) for ids, _ in rows], dtype=torch.int64)
    written = written.reshape(len(rows), longest)
    return State.blank(list(prompts), longest, written=written), [where for _, where in rows]
