"""Every family of diffusion transformers, from its published layout: rows equal a plain restatement of what it says."""

import numpy as np
import pytest
import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.dit_checkpoint import family_of, network_of, read_config
from tests.models import dit_published as made
from tests.models import dit_reference

TOKENS = 10
SIGMA = {
    "mdlm": lambda t: 0.0,
    "mdlm, told the time": lambda t: -np.log(1 - 0.999 * t),
    "bd3lm": lambda t: 0.0,
    "bd3lm, no levels": lambda t: 0.0,
    "sedd absorb": lambda t: -np.log(1 - 0.999 * t),
    "sedd uniform": lambda t: min(max(-np.log(1 - t), 0.01), 20) if t < 1 else 20,
    "duo": lambda t: -np.log(1 - 0.999 * t),
    "gidd": lambda t: min(t, 1 - 1e-4),
}


def load(name, tokens=TOKENS):
    return network_of(read_config(made.config(name, tokens)), made.published(name, tokens))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def plain(name, ids, t):
    """(L, V) probabilities of the clean token, restated."""
    sigma = SIGMA[name](t)
    block = 4 if name.startswith("bd3lm") else None
    out = dit_reference.logits(made.weights(name, TOKENS), made.HEADS, ids, sigma, block)
    V = out.shape[1]
    if name == "gidd":
        for i, token in enumerate(ids):
            out[i, token] += 0.5
    if name == "sedd absorb":
        out = out - np.log(np.exp(sigma) - 1) - np.log(V - 1)  # the log-score
        clean = softmax(out[:, :TOKENS])
        return np.array([[*clean[i], 0.0] if x == TOKENS else np.eye(V)[x] for i, x in enumerate(ids)])
    if name == "sedd uniform":
        score = np.array([[1.0 if y == x else np.exp(out[i, y]) for y in range(V)] for i, x in enumerate(ids)])
        alpha = np.exp(-sigma)
        noisy = score / score.sum(axis=1, keepdims=True)  # p_t(y | rest)
        prior = np.maximum((noisy - (1 - alpha) / V) / alpha, 0)
        joint = prior * (np.eye(V)[ids] * alpha + (1 - alpha) / V)
        return joint / joint.sum(axis=1, keepdims=True)
    return softmax(out)


@pytest.mark.parametrize("t", [0.125, 0.5, 1.0])
@pytest.mark.parametrize("name", made.NAMES)
def test_rows_equal_the_restatement(name, t):
    network = load(name)
    mask = TOKENS if made.rows(name, TOKENS) > TOKENS else 3
    ids = [1, mask, 0, 7, mask, mask, 2, 9, mask]
    rows = network(torch.tensor([ids, ids[::-1]]), torch.tensor([t, 1.0 - t / 2]))
    assert np.allclose(rows[0].softmax(-1).numpy(), plain(name, ids, t), atol=1e-5)
    assert np.allclose(rows[1].softmax(-1).numpy(), plain(name, ids[::-1], 1.0 - t / 2), atol=1e-5)


def test_what_the_configs_say():
    read = {name: read_config(made.config(name, 50257)) for name in made.NAMES}
    assert [read[name].noise for name in made.NAMES] == ["mask"] * 5 + ["uniform"] * 2 + ["mask"]
    assert read["mdlm"].mask_id == read["bd3lm"].mask_id == read["sedd absorb"].mask_id == 50257
    assert read["duo"].mask_id is read["gidd"].mask_id is None
    assert read["bd3lm"].block_length == 4 and read["mdlm"].block_length is None
    assert {config.context for config in read.values()} == {made.LENGTH}
    no_blocks = read_config({**made.config("bd3lm", 9), "cross_attn": False})
    assert no_blocks.block_length is None, "trained without blocks"
    assert family_of({"model_type": "bert"}) is None


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("bd3lm", {"causal": True}, "autoregressive"),
        ("sedd absorb", {"graph": {"type": "star"}}, "star"),
        ("sedd absorb", {"noise": {"type": "cosine"}}, "cosine"),
        ("duo", {"n_heads": None}, "n_heads"),
        ("mdlm", {"model_type": "bert"}, "bert"),
    ],
)
def test_configs_we_cannot_drive_are_refused_by_name(name, change, says):
    with pytest.raises(ModelError, match=says):
        read_config({**made.config(name, TOKENS), **change})


def test_parameters_that_are_missing_left_over_or_of_another_shape_are_named():
    config, weights = read_config(made.config("mdlm", TOKENS)), made.published("mdlm", TOKENS)
    with pytest.raises(ModelError, match=r"lack 1 .*blocks\.1\.mlp\.2\.bias") as caught:
        network_of(config, {name: value for name, value in weights.items() if not name.endswith("1.mlp.2.bias")})
    assert caught.value.names == ("blocks.1.mlp.2.bias",)
    with pytest.raises(ModelError, match=r"too much 1 .*blocks\.1\.extra"):
        network_of(config, {**weights, "backbone.blocks.1.extra": torch.zeros(1)})
    with pytest.raises(ModelError, match=r"other shapes for 1 .*norm1"):
        network_of(config, {**weights, "backbone.blocks.0.norm1.weight": torch.zeros(3)})
    with pytest.raises(ModelError, match="vocab_embed"):
        network_of(config, {})
