"""The network: our forward is transformers' forward, and the constructed start copies before any training."""

import json
from itertools import islice
from random import Random

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

from examples.train_tiny.attention import attention
from examples.train_tiny.batches import batches, encode, pick_masks
from examples.train_tiny.export import export
from examples.train_tiny.mixture import stream
from examples.train_tiny.network import TrainingForward
from examples.train_tiny.optim import orthogonal
from examples.train_tiny.tokenizer import MASK, Encoder


@torch.no_grad()
def test_the_training_forward_equals_that_of_transformers(model):
    ids = torch.randint(6, 1000, (3, 48), generator=torch.Generator().manual_seed(1))
    rows = torch.arange(0, 3 * 48, 5)
    theirs = model(ids).logits.flatten(0, 1)[rows]
    torch.testing.assert_close(TrainingForward(model)(ids, rows), theirs, atol=1e-4, rtol=1e-4)


def test_the_gradients_of_attention_are_those_of_its_formula():
    random = torch.Generator().manual_seed(4)
    heads = [torch.randn(2, 5, 3, 4, generator=random, dtype=torch.double, requires_grad=True) for _ in range(3)]
    near = torch.zeros(5, 5, dtype=torch.double).masked_fill(torch.ones(5, 5).tril(-3) > 0, -torch.inf)
    for bias in (None, near):
        assert torch.autograd.gradcheck(lambda *parts, bias=bias: attention(*parts, bias)[0], heads)


@torch.no_grad()
def test_the_constructed_start_continues_a_repeat(model):
    half = torch.randint(6, 1000, (8, 40), generator=torch.Generator().manual_seed(2))
    ids = torch.cat((half, half), 1)
    ids[:, 60:] = MASK
    guess = model(ids).logits[:, 60].argmax(-1)
    assert (guess == half[:, 20]).float().mean() >= 0.9


def test_batches_have_one_length_and_their_targets_under_the_masks(tokenizer):
    for batch in islice(batches(stream(5), Encoder(tokenizer), 5, batch_tokens=512), 6):
        assert batch.tokens.shape[1] % 16 == 0
        assert (batch.tokens.flatten()[batch.rows] == MASK).all()
        assert (batch.tokens == MASK).sum() == len(batch.rows) == len(batch.targets) == len(batch.weights)
        assert not (batch.targets == MASK).any()


def test_every_masking_pattern_masks_something_inside_the_region(tokenizer):
    rng, encoder = Random(1), Encoder(tokenizer)
    for one in islice(stream(6), 300):
        encoded = encode(one, encoder)
        if encoded:
            region = len(encoded.answer) + 4
            places = pick_masks(encoded, region, rng)
            assert places and len(set(places)) == len(places) and 0 <= min(places) and max(places) < region


def test_muon_updates_are_nearly_orthogonal():
    update = orthogonal(torch.randn(2, 32, 64, generator=torch.Generator().manual_seed(3)))
    singular = torch.linalg.svdvals(update)
    assert 0.3 < float(singular.min()) and float(singular.max()) < 1.8  # four steps: roughly, not exactly


def test_the_export_loads_without_our_code(model, tokenizer, tmp_path):
    weights = {name: weight.detach() for name, weight in model.named_parameters()}
    export(model.config, weights, tokenizer, tmp_path / "export")
    loaded = AutoModelForMaskedLM.from_pretrained(tmp_path / "export").eval()
    words = AutoTokenizer.from_pretrained(tmp_path / "export")
    assert words.encode("<mask>", add_special_tokens=False, split_special_tokens=True) == Encoder(tokenizer)("<mask>")
    ids = torch.tensor([[3, 40, 50, 1, 60]])
    with torch.no_grad():
        torch.testing.assert_close(loaded(ids).logits, model(ids).logits, atol=1e-4, rtol=1e-4)
    section = json.loads((tmp_path / "export" / "config.json").read_text())["ctrldiff"]
    assert section["mask_id"] == 1 and section["n_tokens"] == tokenizer.get_vocab_size()
