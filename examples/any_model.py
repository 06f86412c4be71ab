"""Any function from token ids to logits is a model: three lines, and every type, constraint and plug-in works."""

import string
from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from pydantic import Field

import ctrldiff as cd

letters = string.printable.encode()[:95]  # a token for each character, then the mask and the end
MASK, STOP, SIZE = len(letters), len(letters) + 1, len(letters) + 2


def encode(text: str) -> list[int]:
    return [letters.index(byte) for byte in text.encode("ascii")]


def network(ids: torch.Tensor) -> torch.Tensor:
    """(N, L) ids to (N, L, V) logits: a network that likes what it sees often, and what followed it before."""
    seen = torch.nn.functional.one_hot(ids, SIZE).float()
    follows = seen[:, :-1].transpose(1, 2) @ seen[:, 1:]  # (N, V, V) how often which stands behind which
    left = torch.roll(seen, 1, dims=1)
    return (1 + seen.sum(dim=1, keepdim=True)).log() + 2 * left @ follows


# The three lines.
vocabulary = cd.Vocabulary.from_tokens([*(bytes([byte]) for byte in letters), None, None], stop_ids=[STOP])
spec = cd.ModelSpec(mask_id=MASK, stop_ids=(STOP,), n_tokens=SIZE, context=256)
model = cd.Model.from_callable(network, spec, vocabulary, encode)


@dataclass
class Parcel:
    kind: Literal["sack", "crate"]
    weight: Annotated[int, Field(ge=0, le=99)]


text = "crate 12, crate 12, crate 12"
print(model(text, Literal["sack", "crate"]).output)
print(model(text, cd.Regex("[0-4]{2}-[0-4]{2}")).output)
result = model(text, Parcel)
print(result.output, f"in {result.usage.forwards} forward passes")
