"""What is said of memory is what is measured, at toy size; and weights are held as the config says."""

import json

import pytest
import torch

from ctrldiff.models.describe import describe
from ctrldiff.models.devices import dtype_of
from ctrldiff.models.footprint import Footprint, footprint
from ctrldiff.models.hf import load
from ctrldiff.models.report import report
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.state import State
from tests.models.plain_transformer import draw
from tests.models.published import dit
from tests.models.published.cases import PROMPT, cases
from tests.models.tiny_checkpoints import N_TOKENS, save_checkpoint

CASES = cases()


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_bytes_are_those_that_are_measured(case, dtype, tmp_path):
    folder = save_checkpoint(tmp_path / "model", case.config, case.published(draw(case.sizes, seed=1)))
    said = footprint(describe(folder, **case.spec), dtype=dtype)
    denoiser = load(folder, dtype=dtype, **case.spec).denoiser
    module = denoiser.network.module
    measured = sum(one.numel() * one.element_size() for one in module.parameters())
    assert said.weights == pytest.approx(measured, rel=0.01), "transformers holds a router in float32"
    heads = []
    watch = module.lm_head.register_forward_hook(lambda head, inputs, out: heads.append(out))
    state = denoiser.noise(State.blank([PROMPT * 3], 8))
    given = denoiser(state)
    watch.remove()
    of_head = heads[0].numel() * heads[0].element_size()
    of_out = given.numel() * given.element_size()
    row = heads[0].shape[-1] * heads[0].element_size()
    assert 0 <= of_head + of_out - said.logits * 8 <= 2 * row, "a shift needs a row before, and so does a block"
    assert (said.kept > 0) == (denoiser.spec.cache == "prefix")
    if said.kept:
        sample(denoiser, state, schedule=Blocks(case.block), commit=TopK())
        for one in denoiser._kept.values():
            assert sum(k.nbytes + v.nbytes for k, v in one.layers) == said.kept * len(one.ids)


@pytest.mark.parametrize("family", ["LLaDA", "SMDM", "Dream"])
def test_what_an_approximate_cache_keeps_is_counted_in_the_words_of_any_family(family, tmp_path):
    case = next(case for case in CASES if case.family == family)
    folder = save_checkpoint(tmp_path / "model", case.config, case.published(draw(case.sizes, seed=1)))
    how = {**case.spec, "cache": "approximate", "block_length": 4}
    said, denoiser = footprint(describe(folder, **how), dtype="float32"), load(folder, dtype="float32", **how).denoiser
    denoiser(denoiser.noise(State.blank([PROMPT], 8)))
    (kept,) = denoiser._kept.values()
    outside = len(kept.ids) - 4 - denoiser.spec.logit_shift
    assert sum(k.nbytes + v.nbytes for k, v in kept.layers) == said.kept * outside > 0


def test_what_a_diffusion_transformer_keeps_is_counted(tmp_path):
    folder = save_checkpoint(tmp_path / "bd3lm", dit.config("bd3lm", N_TOKENS), dit.published("bd3lm", N_TOKENS))
    said, denoiser = footprint(describe(folder), dtype="float32"), load(folder, dtype="float32").denoiser
    sample(denoiser, State.blank([PROMPT * 3], 8), schedule=Blocks(4, aligned=True), commit=TopK())
    (kept,) = denoiser._kept.values()
    assert sum(k.nbytes + v.nbytes for k, v in kept.layers) == said.kept * len(kept.ids) > 0


def test_rows_fit_until_they_do_not():
    model = Footprint("bfloat16", weights=1000, logits=10, kept=1)
    assert model.rows(1000 + 3 * (4 * 10 + 24), prompt=20, canvas=4) == 3
    assert model.rows(999, 20, 4) == 0


def test_the_report_tells_what_fits(tmp_path):
    (case,) = [case for case in CASES if str(case) == "SDAR"]
    folder = save_checkpoint(tmp_path / "model", case.config, case.published(draw(case.sizes, seed=1)))
    memory = report(folder, memory=True)["memory"]
    assert memory["dtype"] == "bfloat16" and memory["rows"]["24"] > memory["rows"]["16"] > 0
    assert json.loads(json.dumps(memory)) == memory and "memory" not in report(folder)


def test_weights_are_held_as_the_config_says(tmp_path):
    (case,) = [case for case in CASES if str(case) == "Dream"]
    assert case.config["torch_dtype"] == "bfloat16"
    folder = save_checkpoint(tmp_path / "model", case.config, case.published(draw(case.sizes, seed=1)))
    assert load(folder).denoiser.network.module.dtype == torch.bfloat16
    assert load(folder, dtype="float32").denoiser.network.module.dtype == torch.float32
    assert dtype_of("auto", {}, "cpu") == torch.float32 and dtype_of("auto", {}, "cuda:1") == torch.bfloat16
    assert dtype_of("auto", {"dtype": "float16"}, "cpu") == torch.float16
