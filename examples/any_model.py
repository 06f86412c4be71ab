"""Any function from token ids to logits is a model."""

import torch

import ctrldiff as cd
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.loop import sample

tokens = [b"0", b"1", b"2", b"3", b"4", b"-", None, None]  # then the mask and the end
vocabulary = cd.Vocabulary.from_tokens(tokens, stop_ids=[7])
spec = cd.ModelSpec(mask_id=6, stop_ids=(7,), n_tokens=8, context=64)


def network(ids: torch.Tensor) -> torch.Tensor:
    """A network that likes to repeat what it sees on the left."""
    left = torch.roll(ids, 1, dims=1)
    return 2.0 * torch.nn.functional.one_hot(left, 8).float()


denoiser = cd.from_callable(network, spec, vocabulary)
table = cd.Regex("[0-4]{4}-[0-4]{2}").compile(vocabulary)
state = cd.State.blank([[3], [1]], 9, seed=7)
done = sample(denoiser, state, constraint=Tables.same(table, 2))
for row in done.tokens:
    print(vocabulary.decode(row.tolist()).decode())
