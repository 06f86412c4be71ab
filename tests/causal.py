"""A left-to-right model that is a table: what follows which token."""

from dataclasses import dataclass, field
from functools import lru_cache

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
        return _table(self.seed, self.scale, self.only)[ids[-1]]

    def __call__(self, state: State, tokens: torch.Tensor) -> torch.Tensor:
        begin = torch.tensor([int(ids[-1]) for ids in state.prompt])
        before = torch.cat([begin[:, None], tokens[:, :-1]], dim=1)
        return _table(self.seed, self.scale, self.only)[before].to(torch.float32)


@lru_cache(maxsize=64)
def _table(seed: int, scale: float, only: tuple[int, ...]) -> torch.Tensor:
    """(V, V) float64: a row for the token before."""
    table = torch.from_numpy(scale * np.random.default_rng([seed, 5]).normal(size=(SIZE, SIZE)))
    banned = torch.full((SIZE,), -torch.inf, dtype=torch.float64)
    banned[list(only)] = 0.0
    return (table + banned).log_softmax(dim=-1)
