"""Logits of seeded weights, taken once from the published code itself, at the revision that stands with them.

The published classes ran in float32 on the CPU with stand-ins for compiled kernels alone (rotary positions, SwiGLU and
RMS norm of flash-attn and xformers). Of each row some columns are kept, and its norm.
"""

import json
from pathlib import Path

import pytest
import torch

from ctrldiff.models.hf import load
from tests.models.plain_transformer import draw
from tests.models.published import dit
from tests.models.published.cases import cases
from tests.models.tiny_checkpoints import N_TOKENS, save_checkpoint

KEPT = json.loads((Path(__file__).parent / "published_logits.json").read_text())


def smdm(seed):
    (case,) = [case for case in cases() if case.family == "SMDM"]
    return case.config, case.published(draw(case.sizes, seed=seed))


def hdlm(seed):
    return dit.config("hdlm", N_TOKENS), dit.published("hdlm", N_TOKENS, seed=seed)


@pytest.mark.parametrize(("name", "made"), [("smdm", smdm), ("hdlm", hdlm)])
def test_logits_are_those_of_the_published_code(name, made, tmp_path):
    kept = KEPT[name]
    network = load(save_checkpoint(tmp_path / name, *made(kept["seed"])), dtype="float32").denoiser.network
    logits = network(torch.tensor([kept["ids"]]))[0]
    assert torch.allclose(logits[:, kept["columns"]], torch.tensor(kept["logits"]), atol=1e-4)
    assert torch.allclose(logits.norm(dim=-1), torch.tensor(kept["norms"]), atol=1e-3)
