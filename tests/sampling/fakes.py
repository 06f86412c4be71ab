"""A posterior that says what it is told, so that a policy's rule can be restated in plain words."""

from dataclasses import dataclass

import torch

from ctrldiff.state import State, Step
from tests.conftest import blank


@dataclass(frozen=True)
class Told:
    """A posterior of given confidences and entropies."""

    confidences: torch.Tensor
    entropies: torch.Tensor | None = None
    places: torch.Tensor | None = None
    own: torch.Tensor | None = None  # local probabilities

    def confidence(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.confidences

    def surprise(self, tokens: torch.Tensor) -> torch.Tensor:
        return -self.confidences.log()

    def local(self, tokens: torch.Tensor) -> torch.Tensor:
        assert self.own is not None
        return self.own

    def margin(self) -> torch.Tensor:
        return 1 - self.confidences

    def anchored(self) -> torch.Tensor:
        assert self.places is not None
        return self.places

    def entropy(self) -> torch.Tensor:
        assert self.entropies is not None
        return self.entropies


def canvas(confidences: torch.Tensor, shut: torch.Tensor | None = None) -> State:
    """Open canvases of that shape, with some positions given."""
    written = None if shut is None else torch.where(shut, 1, -1)
    return blank(*confidences.shape, written=written)


def step(state: State, quota: int | torch.Tensor = 1, window: torch.Tensor | None = None) -> Step:
    """A step in the middle."""
    rows = state.shape[0]
    window = state.open if window is None else window
    quotas = torch.as_tensor(quota).expand(rows)
    return Step(
        torch.ones(rows, dtype=torch.int64), torch.full((rows,), 9), window, quotas, torch.zeros(rows, dtype=torch.bool)
    )


def chosen(where: torch.Tensor) -> list[list[int]]:
    """Positions chosen in each row."""
    return [row.nonzero()[:, 0].tolist() for row in where]
