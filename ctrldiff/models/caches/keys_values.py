"""A pass over part of a text whose rest is known by its keys and values: of a transformers network, or of our own."""

from __future__ import annotations

import inspect
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.heads import headed
from ctrldiff.models.memory import Room, in_parts

Layers: TypeAlias = list[tuple[torch.Tensor, torch.Tensor]]  # keys, values of each layer, (N, heads, positions, width)

Key = TypeVar("Key")
# Threads may share a model. Held where a store of kept rows is looked at or changed, never while a network runs.
BOOKS = threading.Lock()


@dataclass(frozen=True, eq=False)
class Kept:
    """Keys and values of one row's positions, with the tokens they were computed from."""

    ids: torch.Tensor  # (P,) int64
    layers: Layers
    logits: torch.Tensor | None = None  # (L, V) rows of the pass they are from


def remember(store: OrderedDict[Key, Kept], fresh: Mapping[Key, Kept], most: int) -> None:
    """Put rows into a store that holds so many; the least recently put ones go."""
    with BOOKS:
        for key, kept in fresh.items():
            store[key] = kept
            store.move_to_end(key)
        while len(store) > most:
            store.popitem(last=False)


class HasModule(Protocol):
    """A network around a transformers model."""

    @property
    def module(self) -> Any:
        """The model."""


@runtime_checkable
class GoesOn(Protocol):
    """A network of our own that is given keys and values, and gives them back."""

    def onward(
        self, ids: torch.Tensor, here: torch.Tensor, past: Layers, sees: torch.Tensor | None, rows: slice
    ) -> tuple[torch.Tensor, Layers]:
        """As `forward` below; `sees`: (Q, P + Q) bool, those before first; None: everything."""


def check_keeps(network: HasModule | GoesOn, time_input: str) -> None:
    """Raise ModelError for a network that keeps no keys and values, or whose keys change with the time it is told."""
    if not isinstance(network, GoesOn):
        cache_argument(network.module)
    if time_input != "none":
        raise ModelError(
            f'time_input="{time_input}" with a cache', why="keys depend on the time too", hint='cache="none"'
        )


def cache_argument(module: Any) -> str:
    """What the model calls its cache. Raises ModelError for one that keeps no keys and values (encoders)."""
    names = inspect.signature(module.forward).parameters
    for name in ("cache", "past_key_values"):  # the older name went with transformers 5.24
        if name in names:
            return name
    raise ModelError(f"{type(module).__name__} keeps no keys and values", hint='cache="none"')


def gathered(kept: Sequence[Kept | None], part: slice) -> Layers:
    """The kept keys and values of some rows as one batch; nothing where nothing is kept."""
    rows = [one for one in kept if one is not None]
    if not rows or len(rows) < len(kept):
        return []
    layers = range(len(rows[0].layers))
    return [
        (
            torch.cat([row.layers[n][0][:, :, part] for row in rows]),
            torch.cat([row.layers[n][1][:, :, part] for row in rows]),
        )
        for n in layers
    ]


def forward(
    network: HasModule | GoesOn,
    ids: torch.Tensor,
    here: torch.Tensor,
    past: Layers,
    seen: torch.Tensor,
    block: int | None,
    rows: slice = slice(None),
    *,
    room: Room,
) -> tuple[torch.Tensor, Layers]:
    """One pass over some positions of a text, the others being known by their keys and values; where memory runs out,
    its halves (`models/memory.py`).

    Args:
        ids: (N, Q) tokens.     here: (Q,) their positions.     past: of P other positions.     seen: (P,) those.
        block: tokens see their own block of this length and those before it; None: all see all.
        rows: of the Q positions, those whose logits are wanted.        room: what is known of the device's.
    Returns: (N, R, V) logits; keys and values of the P positions, then of the Q.
    Raises: OutOfMemory if one row alone does not fit.
    """

    def run(part: slice) -> tuple[torch.Tensor, Layers]:
        known = [(keys[part], values[part]) for keys, values in past]
        return _forward(network, ids[part], here, known, seen, block, rows)

    return in_parts(run, _joined, slice(0, len(ids)), len(seen) + len(here), ids, room)


def _joined(parts: list[tuple[torch.Tensor, Layers]]) -> tuple[torch.Tensor, Layers]:
    layers = zip(*(layers for _, layers in parts), strict=True)
    return torch.cat([logits for logits, _ in parts]), [
        (torch.cat([keys for keys, _ in one]), torch.cat([values for _, values in one])) for one in layers
    ]


def _forward(
    network: HasModule | GoesOn,
    ids: torch.Tensor,
    here: torch.Tensor,
    past: Layers,
    seen: torch.Tensor,
    block: int | None,
    rows: slice,
) -> tuple[torch.Tensor, Layers]:
    everything = torch.cat([seen, here])
    hidden = torch.zeros((len(here), len(everything)), dtype=torch.bool)
    if block is not None:
        hidden = everything[None, :] // block > here[:, None] // block
    if isinstance(network, GoesOn):
        return network.onward(ids, here, past, ~hidden if bool(hidden.any()) else None, rows)
    return _transformers(network.module, ids, here, past, hidden, rows)


def _transformers(
    module: Any, ids: torch.Tensor, here: torch.Tensor, past: Layers, hidden: torch.Tensor, rows: slice
) -> tuple[torch.Tensor, Layers]:
    from transformers import DynamicCache

    cache = DynamicCache()
    for n, (keys, values) in enumerate(past):
        cache.update(keys, values, n)
    low = torch.finfo(module.dtype).min
    mask = torch.zeros(hidden.shape, dtype=module.dtype).masked_fill(hidden, low)[None, None].to(ids.device)
    with torch.inference_mode():
        logits, _ = headed(
            module,
            rows,
            input_ids=ids,
            attention_mask=mask.expand(len(ids), -1, -1, -1),
            position_ids=here.to(ids.device)[None].expand(len(ids), -1),
            use_cache=True,
            **{cache_argument(module): cache},
        )
    return logits, [(layer.keys, layer.values) for layer in cache.layers]
