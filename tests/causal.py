"""A left-to-right model that is a table: what follows which token."""

from dataclasses import dataclass, field

import numpy as np
import torch

from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.conftest import SIZE, VOCABULARY


@dataclass(frozen=True)
class Bigram:
    """Log-probabilities of a token by the one before it, seeded; `only` these ids have any."""

    seed: int = 0
    scale: float = 1.0
    only: tuple[int, ...] = tuple(range(SIZE))
    vocabulary: Vocabulary = field(default=VOCABULARY, repr=False)

    def after(self, ids: list[int]) -> torch.Tensor:
        """(V,) float64, of the token that follows these."""
        rng = np.random.default_rng([self.seed, 5])
        table = torch.from_numpy(self.scale * rng.normal(size=(SIZE, SIZE)))
        banned = torch.full((SIZE,), -torch.inf, dtype=torch.float64)
        banned[list(self.only)] = 0.0
        return (table[ids[-1]] + banned).log_softmax(dim=-1)

    def __call__(self, state: State, tokens: torch.Tensor) -> torch.Tensor:
        rows = zip(state.prompt, tokens.tolist(), strict=True)
        texts = [(ids.tolist(), row) for ids, row in rows]
        says = [torch.stack([self.after([*ids, *row[:t]]) for t in range(len(row))]) for ids, row in texts]
        return torch.stack(says).to(torch.float32)
