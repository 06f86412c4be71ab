"""A judge of sentiment that shares nothing with the guides: words and pairs of words, logistic regression.

It is trained on reviews with the phrasings that the guide classifier never sees, by other random numbers; it has no
tokenizer of the model, no embeddings, no gradient to anybody. (Both know the same adjectives: the world of these
reviews has twelve good ones and twelve bad ones.)
"""

import re
from itertools import pairwise
from random import Random

import torch

from examples.train_guide.train import review

BUCKETS = 1 << 14


def features(text: str) -> torch.Tensor:
    """(BUCKETS,) counts of words and neighbours, hashed."""
    words = re.findall(r"[a-z']+", text.lower())
    out = torch.zeros(BUCKETS)
    for word in [*words, *(f"{a} {b}" for a, b in pairwise(words))]:
        out[sum((n + 1) * 257**2 * ord(letter) + ord(letter) ** 3 for n, letter in enumerate(word)) % BUCKETS] += 1
    return out


class Judge:
    """P(positive) of a text."""

    def __init__(self, seed: int = 41, texts: int = 1500) -> None:
        from examples.train_tiny.phrases import UNSEEN

        rng = Random(seed)
        pairs = [review(rng, UNSEEN) for _ in range(texts)]
        x, y = torch.stack([features(text) for text, _ in pairs]), torch.tensor([1.0 - n for _, n in pairs])
        self.weights, self.bias = torch.zeros(BUCKETS, requires_grad=True), torch.zeros((), requires_grad=True)
        optimiser = torch.optim.Adam([self.weights, self.bias], lr=0.05)
        for _ in range(60):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(x @ self.weights + self.bias, y)
            loss = loss + 1e-4 * self.weights.square().sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    def __call__(self, text: str) -> float:
        with torch.no_grad():
            return float((features(text) @ self.weights + self.bias).sigmoid())

    def accuracy(self, seed: int = 42, texts: int = 400) -> float:
        """On fresh reviews with phrasings it was not trained on."""
        rng = Random(seed)
        pairs = [review(rng) for _ in range(texts)]
        return sum((self(text) > 0.5) == (label == 0) for text, label in pairs) / texts
