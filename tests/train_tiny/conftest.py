"""What the tests of the training share."""

import pytest


@pytest.fixture(scope="session")
def tokenizer():
    """A tokenizer trained on a small sample: the rules under test do not depend on its merges."""
    from itertools import islice

    from examples.train_tiny.mixture import stream
    from examples.train_tiny.tokenizer import train_tokenizer

    return train_tokenizer(islice(stream(7), 1500), entries=1024)


@pytest.fixture(scope="session")
def model(tokenizer):
    """The constructed start, untrained."""
    import torch

    from examples.train_tiny.network import make_config, make_model
    from examples.train_tiny.start import construct

    torch.manual_seed(0)
    network = make_model(make_config(tokenizer.get_vocab_size())).eval()
    construct(network, 7)
    return network
