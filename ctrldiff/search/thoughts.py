"""One thought after the other, each with a decode of its own that looks ahead to the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ctrldiff.errors import InputError
from ctrldiff.search.anew import forgotten
from ctrldiff.search.run import Found, Run, checked
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class Thoughts:
    """The plan's answer; what stands behind its first thought becomes noise and is written anew by the plan, given that
    thought; then behind its second one, until nothing stands behind, or `most` thoughts were written. The last decode
    stands as it is. It chooses among no draws, so plans at temperature 0 take it.

    ends: ids that end a thought, a line break say; `Thoughts.of` takes them from a vocabulary.

    Source: multi-pass Diffusion of Thoughts (arXiv:2402.07754), as its released code decodes: 12 thoughts at most, each
    with all its steps. Its networks write one thought and padding; others write on, and only the first thought is kept.
    The drafts in the place of gold thoughts that make it recover from errors (scheduled and coupled sampling) are in
    its training alone: nothing that stands is written again in a decode.
    """

    ends: tuple[int, ...]
    most: int = 12

    draws = False

    @staticmethod
    def of(vocabulary: Vocabulary, delimiter: bytes = b"\n", **how: Any) -> Thoughts:
        """By the bytes that tokens end in."""
        writing = vocabulary.written.nonzero()[0].tolist()
        return Thoughts(tuple(i for i in writing if vocabulary.decode([i]).endswith(delimiter)), **how)

    def __post_init__(self) -> None:
        checked("Thoughts", 1, most=self.most)
        if not self.ends:
            raise InputError("no id ends a thought", hint="Thoughts.of(vocabulary, b'.')", param="ends")

    @property
    def n(self) -> int:
        """Canvases a row: one."""
        return 1

    def __call__(self, run: Run, state: State) -> Found:
        run.of_one_length()
        stops = torch.tensor(run.context.vocabulary.stop_ids, dtype=torch.int64)
        start = torch.zeros(state.shape[0], dtype=torch.int64)
        state = run.decode(state)
        for _ in range(self.most - 1):
            start = self._after(state, start, stops)
            behind = state.held & (torch.arange(state.shape[1]) >= start[:, None])
            if not behind.any():
                break
            state = run.decode(forgotten(state, behind))
        return Found(state, np.full(state.shape[0], np.nan), np.arange(state.shape[0]), state.forwards)

    def _after(self, state: State, start: torch.Tensor, stops: torch.Tensor) -> torch.Tensor:
        """(B,) the position after the thought that begins at `start`; the row's length where the text ends with it."""
        places = torch.arange(state.shape[1])
        own = places < state.lengths[:, None]
        text = own & (torch.isin(state.tokens, stops).cumsum(dim=1) == 0)
        ends = text & torch.isin(state.tokens, torch.tensor(self.ends, dtype=torch.int64)) & (places >= start[:, None])
        after = ends.to(torch.uint8).argmax(dim=1) + 1
        goes_on = ends.any(dim=1) & (text & (places >= after[:, None])).any(dim=1)
        return torch.where(goes_on, after, state.lengths)
