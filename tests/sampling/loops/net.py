"""What every restated loop is given: a network asked about one text, with what may not be written left out."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

from tests.conftest import MASK, SIZE, STOP, ToyNetwork

OPEN = -1  # in a canvas: still noise


@dataclass
class Asked:
    """A seeded network, and how often it was asked."""

    seed: int
    passes: int = field(default=0)

    def __call__(self, prompt: list[int], canvas: list[int]) -> torch.Tensor:
        """(T, V) log-probabilities in float64; what may not be written has none."""
        self.passes += 1
        ids = torch.tensor([[*prompt, *(MASK if token == OPEN else token for token in canvas)]])
        logits = ToyNetwork(self.seed)(ids)[0, len(prompt) :].to(torch.float64)
        logits[:, STOP + 1 : SIZE] = -torch.inf
        return logits.log_softmax(dim=-1)

    def attention(self, prompt: list[int], canvas: list[int]) -> torch.Tensor:
        """(T, T) float64, of the same pass as the next call."""
        ids = torch.tensor([[*prompt, *(MASK if token == OPEN else token for token in canvas)]])
        _, seen = ToyNetwork(self.seed).attended(slice(None), ids)
        return seen[0, len(prompt) :, len(prompt) :].to(torch.float64)


def opened(canvas: list[int], where: Iterable[int]) -> list[int]:
    """The positions of `where` that are still noise."""
    return [t for t in where if canvas[t] == OPEN]


def best(scores: torch.Tensor, among: list[int]) -> list[int]:
    """Positions from the highest score to the lowest, the leftmost first among equals."""
    return sorted(among, key=lambda t: (-float(scores[t]), t))


def shares(count: int, steps: int) -> list[int]:
    """LLaDA's `get_num_transfer_tokens`."""
    return [count // steps + (step < count % steps) for step in range(steps)]


def entropies(log_probs: torch.Tensor) -> torch.Tensor:
    """(T,) nats."""
    p = log_probs.exp()
    return -torch.where(p > 0, p * log_probs, 0.0).sum(dim=-1)
