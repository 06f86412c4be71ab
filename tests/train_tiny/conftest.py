"""Put the training scripts on the path: they are an example, not a part of the package."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples" / "train_tiny"
sys.path.insert(0, str(FOLDER))


@pytest.fixture(scope="session")
def tokenizer():
    """A tokenizer trained on a small sample: the rules under test do not depend on its merges."""
    from itertools import islice

    from mixture import stream
    from tokenizer import train_tokenizer

    return train_tokenizer(islice(stream(7), 1500), entries=1024)


@pytest.fixture(scope="session")
def model(tokenizer):
    """The constructed start, untrained."""
    import torch
    from network import make_config, make_model
    from start import construct

    torch.manual_seed(0)
    network = make_model(make_config(tokenizer.get_vocab_size())).eval()
    construct(network, 7)
    return network
