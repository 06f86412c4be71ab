"""The second storey says what the first implies: the chain's own answers against those derived from its six."""

import numpy as np
import pytest
import torch

from ctrldiff.errors import InputError, ShapeError
from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.derived import CHAIN, Derived
from tests.cases import CONSTRAINTS, LENGTH, table
from tests.conftest import SIZE

SIX = ("map", "sample", "marginals", "log_z", "log_z_given", "clamp")
NAMES = [name for name, one in CONSTRAINTS.items() if one is not None]


class OnlySix:
    """A posterior that can do nothing else."""

    def __init__(self, whole):
        for name in SIX:
            setattr(self, name, getattr(whole, name))


def pair(seed: int, kind: str):
    """A chain posterior over three rows of different tables, and the same as its six alone."""
    rng = np.random.default_rng(seed)
    names = [NAMES[int(n)] for n in rng.integers(0, len(NAMES), 3)]
    x = (rng.normal(size=(3, LENGTH, SIZE)) * 2).astype(np.float32)
    x[rng.random(x.shape) < 0.05] = -np.inf
    scores = torch.from_numpy(x) if kind == "torch" else x
    whole = bind_rows([table(name) for name in names], scores)
    return whole, Derived(OnlySix(whole)), rng


def close(a, b) -> bool:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return a.shape == b.shape and np.allclose(a, b, atol=2e-5, equal_nan=True)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("seed", range(25))
def test_the_overrides_equal_what_follows_from_the_six(seed, kind):
    whole, derived, rng = pair(seed, kind)
    try:
        best = whole.map()
    except Exception as error:  # the logits forbid all: so do the six say
        with pytest.raises(type(error)):
            derived.six.map()
        return
    keep = rng.random((3, LENGTH)) < 0.4
    keep = torch.from_numpy(keep) if kind == "torch" else keep
    other = best.clone() if kind == "torch" else best.copy()
    other[:, 2] = int(rng.integers(0, SIZE))
    for tokens in (best, other):
        assert close(whole.confidence(tokens), derived.confidence(tokens))
        assert np.array_equal(np.asarray(whole.feasible(tokens, keep)), np.asarray(derived.feasible(tokens, keep)))
        assert close(np.exp(np.asarray(whole.score(tokens))), np.exp(np.asarray(derived.score(tokens))))
    assert close(whole.margin(), derived.margin()) and close(whole.entropy(), derived.entropy())
    for mine, its in zip(whole.top(4), derived.top(4), strict=True):
        assert close(mine, its) and type(mine) is type(its)


def test_top_is_the_head_of_the_marginals():
    whole, _, _ = pair(3, "torch")
    tokens, probs = whole.top(5)
    want = whole.marginals().topk(5, dim=-1)
    assert torch.allclose(probs, want.values, atol=1e-6) and tokens.shape == (3, LENGTH, 5)
    assert torch.allclose(whole.marginals().gather(2, tokens), probs)
    with pytest.raises(ShapeError, match="k=0"):
        whole.top(0)


@pytest.mark.parametrize("name", CHAIN)
def test_what_a_chain_alone_knows_is_refused_by_name(name):
    _, derived, _ = pair(0, "numpy")
    with pytest.raises(InputError, match=f"no {name}"):
        getattr(derived, name)
