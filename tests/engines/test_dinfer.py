"""The dInfer shim in front of a restatement of its threshold decoder and its block loop. dInfer itself is not run."""

import pytest
import torch

from ctrldiff.engines.dinfer import ConstrainedDecoder
from ctrldiff.errors import BudgetTooSmall
from tests.cases import CONSTRAINTS, legal, table
from tests.conftest import MASK, SIZE, STOP, VOCABULARY, ToyNetwork

PROMPT, LENGTH = [[1, 2, 3], [4, 5, 6]], 8


class Threshold:
    """dInfer's `ThresholdParallelDecoder`: what is certain enough, or the surest, at masked positions."""

    mask_id, eos_id, begun = MASK, STOP, 0

    def __init__(self, threshold):
        self.threshold = threshold

    def block_init(self, block, block_id):
        self.begun += 1

    def decode(self, logits, block_start, block_end, x, iter_threshold=None):
        threshold = self.threshold if iter_threshold is None else iter_threshold
        block = x[:, block_start:block_end]
        masked = block == self.mask_id
        confidence, best = logits.float().softmax(-1).max(dim=-1)
        confidence = torch.where(masked, confidence, -torch.inf)
        surest = confidence == confidence.amax(dim=1, keepdim=True)
        x[:, block_start:block_end] = torch.where(masked & (surest | (confidence >= threshold)), best, block)


def generated(decoder, network, block_length, start, more=()):
    """dInfer's block loop: rows that have ended are filled with the end, the others go on alone."""
    x = torch.cat([torch.tensor(PROMPT), torch.full((2, LENGTH), MASK)], dim=1)
    for number, begin in enumerate(range(start, x.shape[1], block_length)):
        end = min(begin + block_length, x.shape[1])
        decoder.block_init(x[:, begin:end], number)
        while (going := (x[:, begin:end] == decoder.mask_id).any(dim=1)).any():
            some = x[going]
            decoder.decode(network(some)[:, begin:end], begin, end, some, *more)
            x[going] = some
        ended = (x[:, begin:end] == decoder.eos_id).any(dim=1)
        x[ended, end:] = decoder.eos_id
    return x[:, len(PROMPT[0]) :].tolist()


@pytest.mark.parametrize("name", [name for name, description in CONSTRAINTS.items() if description is not None])
@pytest.mark.parametrize("start", [3, 0])
def test_every_answer_is_legal_block_by_block(name, start):
    for seed in range(4):
        inner = Threshold(0.4)
        decoder = ConstrainedDecoder(inner, table(name), 3, LENGTH, keep="only" if seed == 3 else "first")
        rows = generated(decoder, ToyNetwork(seed), 3, start, more=[0.2] if seed % 2 else [])
        for row in rows:
            assert legal(name, VOCABULARY.decode(row)), (seed, row)
        assert inner.begun == decoder.begun > 1


def test_columns_beyond_the_vocabulary_are_never_written_and_short_answers_are_refused():
    network = ToyNetwork(0)

    def wide(ids):
        logits = network(ids)
        return torch.cat([logits, torch.full((*logits.shape[:2], 5), 99.0)], dim=-1)

    decoder = ConstrainedDecoder(Threshold(0.4), table("regex"), 3, LENGTH)
    assert max(max(row) for row in generated(decoder, wide, 4, 3)) < SIZE
    with pytest.raises(BudgetTooSmall):
        generated(ConstrainedDecoder(Threshold(0.4), table("regex"), 3, 3), network, 4, 3)
