"""Logits of seeded weights are those of the published code, which was run once (`make.py`) and left its numbers.

The published classes ran in float32 on the CPU with stand-ins for compiled kernels alone. Of each row some columns are
kept, and its norm.
"""

import json
from pathlib import Path

import pytest
import torch

from ctrldiff.models.hf import load
from ctrldiff.models.registry import FAMILIES
from ctrldiff.state import State
from tests.models.plain_others import gpt2_shapes
from tests.models.plain_transformer import draw
from tests.models.published import dit
from tests.models.published.cases import GPT2, GPT2_SIZES, cases
from tests.models.tiny_checkpoints import MASK, N_TOKENS, random_weights, save_checkpoint

KEPT = {path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "logits").glob("*.json"))}
CASES = {str(case).lower(): case for case in cases()}
EQUAL = "equal to the published code"


def folder(name, path):
    """The checkpoint of a fixture, and what its user has to say."""
    seed = KEPT[name]["seed"]
    if name in dit.NAMES:
        return save_checkpoint(path, dit.config(name, N_TOKENS), without_bias(name, seed)), told(name)
    if name == "diffugpt":
        weights = random_weights(gpt2_shapes(GPT2_SIZES), seed=seed)
        return save_checkpoint(path, GPT2, weights), {"family": "DiffuLLaMA", "mask_id": MASK}
    case = CASES[name.removesuffix(".1")]
    words = case.config | ({"model_type": "llada21_moe"} if name == "llada2.1" else {})
    return save_checkpoint(path, words, case.published(draw(case.sizes, seed=seed))), case.spec


def without_bias(name, seed):
    """GIDD's hub class has no bias of a token on itself."""
    weights = dit.published(name, N_TOKENS, seed=seed)
    return {key: one for key, one in weights.items() if "logit_bias" not in key}


def told(name):
    return {"mask_id": MASK} if name == "gidd" else {}


def rows(loaded, ids, level):
    """(L, V) of the network, before what its rows mean is read out of them."""
    network = getattr(loaded.denoiser, "inner", loaded.denoiser).network
    if level is not None:
        return network.module(torch.tensor([ids]), torch.tensor([level]))[0]
    if loaded.spec.family != "WeDLM":
        return network(torch.tensor([ids]))[0]
    written = torch.tensor([[one if one != MASK else -1 for one in ids]])
    state = State.blank([[]], len(ids), written=written)
    return loaded.denoiser(loaded.denoiser.noise(state))[0]


@pytest.mark.parametrize("name", KEPT)
def test_logits_are_those_of_the_published_code(name, tmp_path):
    kept = KEPT[name]
    path, how = folder(name, tmp_path / "model")
    loaded = load(path, dtype="float32", **how)
    with torch.inference_mode():
        logits = rows(loaded, kept["ids"], kept.get("level"))
    theirs = torch.tensor(kept["logits"])
    ours = logits[:, kept["columns"]]
    if name.startswith("sedd"):  # its rows are ratios: a factor of the whole row says nothing
        ours, theirs = (one - one.mean(dim=1, keepdim=True) for one in (ours, theirs))
    assert torch.allclose(ours, theirs, atol=1e-4), (ours - theirs).abs().max()
    if not name.startswith("sedd") and name != "wedlm":  # of which forbidden tokens have no finite score
        assert torch.allclose(logits.norm(dim=-1), torch.tensor(kept["norms"]), atol=1e-3)


def test_families_that_say_so_have_numbers_and_those_that_have_numbers_say_so():
    said = {family.name.lower() for family in FAMILIES if family.checked.startswith(EQUAL)}
    beside = {"diffugpt": "diffullama", "llada2.1": "llada2", "bd3lm": "bd3-lm", "bd3lm, no levels": "bd3-lm"}
    kept = {beside.get(name, name.removesuffix(" absorb").removesuffix(" uniform")) for name in KEPT}
    assert said == kept | {"stable-diffcoder"}, "Stable-DiffCoder's class is Llama's own, with a loop"
