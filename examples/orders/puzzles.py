"""Sets of strings, and the network that knows them: it gives each open position its exact distribution.

What goes wrong with such a network goes wrong because several positions are written at once, each on its own evidence.
A blurred one also doubts, the more the less it sees, as networks do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import permutations, product

import torch

import ctrldiff as cd

OPEN = -1


@cache
def sudoku() -> list[str]:
    """All 288 grids of 4 x 4, row after row."""
    rows = ["".join(row) for row in permutations("1234")]
    out = []
    for grid in product(rows, repeat=4):
        lines = ["".join(line) for line in zip(*grid, strict=True)]
        boxes = ["".join(grid[r + i][c + j] for i in (0, 1) for j in (0, 1)) for r in (0, 2) for c in (0, 2)]
        if all(len(set(group)) == 4 for group in (*lines, *boxes)):
            out.append("".join(grid))
    return out


@cache
def shuffles(n: int) -> list[str]:
    """All orders of n letters."""
    return ["".join(one) for one in permutations("abcdefgh"[:n])]


def words() -> list[str]:
    """Eight words of eight letters; the first letter tells which."""
    return ["absolute", "building", "children", "daughter", "exchange", "football", "generate", "hospital"]


PUZZLES: dict[str, Callable[[], list[str]]] = {
    "sudoku": sudoku,
    "shuffle of 6": lambda: shuffles(6),
    "shuffle of 4": lambda: shuffles(4),
    "one of 8 words": words,
}


class Exact:
    """(B, T) ids to (B, T, V) logits: the exact distribution of each position among the strings that agree with what is
    written. Where none does, each position is drawn from all strings: such a network knows no way out.

    blur: this share of what is open is doubted: that much of the mean of all strings is mixed in.
    """

    def __init__(self, strings: list[str], blur: float = 0.0) -> None:
        self.letters = sorted({letter for string in strings for letter in string})
        self.stop, self.mask = len(self.letters), len(self.letters) + 1
        self.strings = torch.tensor([[self.letters.index(letter) for letter in string] for string in strings])
        self.blur = blur
        self.length = self.strings.shape[1]
        self.shares = torch.nn.functional.one_hot(self.strings, self.mask + 1).to(torch.float64)  # (N, T, V)

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bn,ntv->btv", self.weights(ids), self.shares).log().to(torch.float32)

    def weights(self, ids: torch.Tensor) -> torch.Tensor:
        """(B, N) float64, how probable each string is."""
        is_open = ids == self.mask
        agree = ((ids[:, None] == self.strings[None]) | is_open[:, None]).all(-1).to(torch.float64)
        agree[agree.sum(1) == 0] = 1.0
        doubt = self.blur * is_open.to(torch.float64).mean(1, keepdim=True)
        return (1 - doubt) * agree / agree.sum(1, keepdim=True) + doubt / len(self.strings)

    def attended(self, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits, and in the place of an attention (B, T, T) what position j tells of position i: their mutual
        information, of which each row adds up to 1, its own entropy included; 0 where i is known."""
        letters = self.shares[..., : self.stop].flatten(1)  # (N, T * V)
        both = torch.einsum("bn,nx,ny->bxy", self.weights(ids), letters, letters)
        both = both.unflatten(2, (self.length, -1)).unflatten(1, (self.length, -1))  # (B, T, V, T, V)
        own = both.sum((3, 4)) / self.length  # (B, T, V)
        apart = own[:, :, :, None, None] * own[:, None, None]
        told = torch.where(both > 0, both * (both / apart.clamp(min=1e-300)).log(), 0.0).sum((2, 4)).clamp(min=0)
        return self(ids), (told / told.sum(-1, keepdim=True).clamp(min=1e-9)).to(torch.float32)

    def denoiser(self, attention: bool = False) -> cd.models.CallableDenoiser:
        """The network as the loop reads it."""
        pieces = [*(letter.encode() for letter in self.letters), None, None]
        vocabulary = cd.Vocabulary.from_tokens(pieces, stop_ids=[self.stop])
        spec = cd.ModelSpec(noise="mask", mask_id=self.mask, stop_ids=(self.stop,), n_tokens=self.mask + 1, context=64)
        return cd.from_callable(self.attended if attention else self, spec, vocabulary, attention=attention)
