"""RoBERTa's kind of masked language model, as it is published: with a pooler, and positions that begin at two."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import ctrldiff as cd
from ctrldiff.errors import PromptTooLong, UnexpectedKeys
from ctrldiff.state import State
from tests.models.tiny_checkpoints import BOS, MASK, ROWS, STOP, save_tokenizer

PAD, POSITIONS = 1, 34  # of which 32 are for tokens


@pytest.fixture
def folder(tmp_path):
    from transformers import RobertaConfig, RobertaForMaskedLM

    torch.manual_seed(2)
    small = {"hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = RobertaConfig(vocab_size=ROWS, max_position_embeddings=POSITIONS, pad_token_id=PAD, **small)
    RobertaForMaskedLM(config).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    path = tmp_path / "config.json"
    ids = {"mask_token_id": MASK, "eos_token_id": STOP, "bos_token_id": BOS}
    path.write_text(json.dumps({**json.loads(path.read_text()), **ids}))
    return tmp_path


def add(folder, **tensors):
    weights = load_file(folder / "model.safetensors")
    save_file({**weights, **tensors}, folder / "model.safetensors", metadata={"format": "pt"})


def test_a_text_may_be_as_long_as_there_are_positions(folder):
    model = cd.from_pretrained(folder, prompt="{text}")
    assert model.loaded.spec.context == POSITIONS - PAD - 1
    state = State.blank([[5] * 28], 4)
    assert model.loaded.denoiser(model.loaded.denoiser.noise(state)).shape == (1, 4, ROWS)
    with pytest.raises(PromptTooLong):
        model("a" * 29, cd.Regex("[bc]{3}"), max_new_tokens=4)


def test_what_scores_no_token_is_left_out_and_nothing_else(folder):
    before = cd.from_pretrained(folder).loaded.denoiser.network(torch.tensor([[5, MASK, 7]]))
    pooler = {
        f"roberta.pooler.dense.{name}": torch.ones(12, 12)[: 12 if name == "weight" else 1]
        for name in ("weight", "bias")
    }
    add(folder, **pooler)
    assert torch.equal(cd.from_pretrained(folder).loaded.denoiser.network(torch.tensor([[5, MASK, 7]])), before)
    add(folder, **{"roberta.encoder.layer.1.output.dense.bias": torch.ones(12)})
    with pytest.raises(UnexpectedKeys, match=r"layer\.1\.output"):
        cd.from_pretrained(folder)
