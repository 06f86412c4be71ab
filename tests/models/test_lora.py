"""A LoRA adapter is merged at load: W + scale * B A, by the published name, and nothing of it is lost in silence."""

import json
from functools import partial

import pytest
import torch
from safetensors.torch import load_file, save_file

import ctrldiff as cd
from ctrldiff.errors import LoadError, ModelError
from ctrldiff.models.hf import load as load_as_told
from tests.models.plain_transformer import draw
from tests.models.published.cases import cases
from tests.models.tiny_checkpoints import save_checkpoint

load = partial(load_as_told, dtype="float32")
IDS = torch.tensor([[5, 7, 256, 11, 256, 2]])
CONFIG = {"peft_type": "LORA", "r": 3, "lora_alpha": 6, "bias": "none", "use_dora": False, "alpha_pattern": {}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A LLaDA, whose names are not those of the network that is built."""
    (case,) = [case for case in cases() if case.family == "LLaDA"]
    return save_checkpoint(
        tmp_path_factory.mktemp("models") / "llada", case.config, case.published(draw(case.sizes, 1))
    )


def save_adapter(folder, shapes, rank=3, **config):
    """An adapter over some published modules, with these (out, in)."""
    rng, tensors = torch.Generator().manual_seed(4), {}
    for module, (out, into) in shapes.items():
        tensors[f"base_model.model.{module}.lora_A.weight"] = torch.randn((rank, into), generator=rng)
        tensors[f"base_model.model.{module}.lora_B.weight"] = torch.randn((out, rank), generator=rng)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({**CONFIG, **config}))
    return folder


INSIDE = "model.transformer.blocks.{}.{}"
SHAPES = {INSIDE.format(0, "q_proj"): (24, 24), INSIDE.format(1, "ff_out"): (24, 40)}


@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({"init_lora_weights": "gaussian", "loftq_config": {}}, 2.0),
        ({"use_rslora": True}, 6 / 3**0.5),
        ({"lora_alpha": 1}, 1 / 3),
    ],
)
def test_the_weights_are_those_of_the_sum(folder, tmp_path, config, scale):
    adapter = save_adapter(tmp_path / "adapter", SHAPES, **config)
    merged = load(folder, adapter=adapter).denoiser.network.module.state_dict()
    before = load(folder).denoiser.network.module.state_dict()
    parts = load_file(adapter / "adapter_model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], merged[name])}
    assert changed == {"model.layers.0.self_attn.q_proj.weight", "model.layers.1.mlp.down_proj.weight"}
    a, b = (parts[f"base_model.model.{INSIDE.format(0, 'q_proj')}.lora_{half}.weight"] for half in "AB")
    name = "model.layers.0.self_attn.q_proj.weight"
    assert torch.allclose(merged[name], before[name] + scale * (b @ a), atol=1e-5)


def test_what_peft_computes_beside_the_weights_is_what_is_merged_into_them(tmp_path):
    peft = pytest.importorskip("peft")
    (case,) = [case for case in cases() if case.family == "Bidirectional"]
    folder = save_checkpoint(tmp_path / "model", case.config, case.published(draw(case.sizes, 1)))
    base = load(folder, **case.spec).denoiser.network
    torch.manual_seed(3)
    told = peft.LoraConfig(r=3, lora_alpha=5, target_modules=["q_proj", "down_proj"], init_lora_weights=False)
    beside = peft.get_peft_model(base.module, told)
    beside.save_pretrained(tmp_path / "adapter")
    with torch.no_grad():
        expected = beside(input_ids=IDS, attention_mask=torch.ones_like(IDS), use_cache=False).logits
    merged = load(folder, adapter=tmp_path / "adapter", **case.spec).denoiser.network(IDS)
    assert torch.allclose(merged, expected, atol=2e-4)
    assert (merged - load(folder, **case.spec).denoiser.network(IDS)).abs().max() > 0.1


def test_the_numbers_stay_those_of_the_weights_and_the_digest_is_anothers(folder, tmp_path):
    adapter = save_adapter(tmp_path / "adapter", SHAPES)
    half = load_as_told(folder, adapter=adapter, dtype="bfloat16")
    assert half.denoiser.network.module.dtype == torch.bfloat16
    assert half.digest != load_as_told(folder, dtype="bfloat16").digest
    save_adapter(tmp_path / "stronger", SHAPES, lora_alpha=60)
    assert half.digest != load_as_told(folder, adapter=tmp_path / "stronger", dtype="bfloat16").digest
    assert cd.Model(half)("How old?", cd.Regex("[0-9]{2}"), max_new_tokens=4).raw.isdigit()


@pytest.mark.parametrize(
    ("shapes", "config", "match"),
    [
        ({"model.layers.0.self_attn.q_proj": (24, 24)}, {}, "1 of 1 weights"),
        ({**SHAPES, "nowhere": (2, 2)}, {}, "1 of 3 weights"),
        ({INSIDE.format(0, "q_proj"): (24, 20)}, {}, r"\(24, 20\)"),
        (SHAPES, {"use_dora": True}, "use_dora=True"),
        (SHAPES, {"bias": "all"}, "bias='all'"),
        (SHAPES, {"modules_to_save": ["lm_head"]}, "modules_to_save"),
        (SHAPES, {"alpha_pattern": {"q_proj": 3}}, "alpha_pattern"),
        (SHAPES, {"peft_type": "IA3"}, "IA3"),
        (SHAPES, {"init_lora_weights": "pissa_niter_16"}, "init_lora_weights='pissa_niter_16'"),
        (SHAPES, {"init_lora_weights": "olora"}, "init_lora_weights"),
        (SHAPES, {"alora_invocation_tokens": [1, 2]}, "alora_invocation_tokens"),
    ],
)
def test_what_cannot_be_merged_is_refused_by_name(folder, tmp_path, shapes, config, match):
    with pytest.raises(ModelError, match=match):
        load(folder, adapter=save_adapter(tmp_path / "adapter", shapes, **config))


def test_halves_and_files_that_are_none_are_refused(folder, tmp_path):
    adapter = save_adapter(tmp_path / "adapter", SHAPES)
    file = adapter / "adapter_model.safetensors"
    parts = load_file(file)
    first = sorted(parts)[0]
    save_file({name: part for name, part in parts.items() if name != first}, file)
    with pytest.raises(ModelError, match="two factors"):
        load(folder, adapter=adapter)
    save_file({**parts, first: parts[first][:2]}, file)
    with pytest.raises(ModelError, match="two factors"):
        load(folder, adapter=adapter)
    save_file({**parts, "base_model.model.x.lora_embedding_A": torch.zeros(2, 2)}, file)
    with pytest.raises(ModelError, match="lora_embedding_A"):
        load(folder, adapter=adapter)
    file.write_bytes(b"no")
    with pytest.raises(LoadError, match="cannot be read"):
        load(folder, adapter=adapter)
    save_adapter(adapter, SHAPES)
    (adapter / "adapter_config.json").write_text("[]")
    with pytest.raises(LoadError, match="not a JSON object"):
        load(folder, adapter=adapter)
    file.unlink()
    with pytest.raises(ModelError, match=r"adapter_model\.safetensors"):
        load(folder, adapter=adapter)
    with pytest.raises(ModelError, match="adapter="):
        load(adapter)
