"""A causal language model from a folder: all of its weights are there, and what it cannot read is refused by name."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from ctrldiff.errors import LoadError, MissingKeys, PromptTooLong
from ctrldiff.models.causal import CausalLM
from ctrldiff.state import State
from tests.models.tiny_checkpoints import ROWS, save_tokenizer


@pytest.fixture
def folder(tmp_path):
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=ROWS, n_embd=8, n_layer=1, n_head=2, n_positions=16, tie_word_embeddings=False)
    config.bos_token_id = config.eos_token_id = 257
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    return tmp_path


def change(folder, name, tensor=None):
    weights = load_file(folder / "model.safetensors")
    weights.pop(name)
    if tensor is not None:
        weights[name] = tensor
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_weights_that_are_missing_are_named_and_not_drawn(folder):
    assert CausalLM.from_pretrained(folder).vocabulary.size == ROWS
    change(folder, "lm_head.weight")
    with pytest.raises(MissingKeys, match=r"lm_head\.weight"):
        CausalLM.from_pretrained(folder)


def test_weights_of_another_shape_and_folders_of_nothing_are_refused(folder, tmp_path):
    change(folder, "lm_head.weight", torch.zeros(ROWS, 5))
    with pytest.raises(LoadError):
        CausalLM.from_pretrained(folder)
    with pytest.raises(LoadError, match="is no causal language model"):
        CausalLM.from_pretrained(tmp_path / "nothing")


def test_a_text_beyond_its_positions_is_refused(folder):
    judge = CausalLM.from_pretrained(folder)
    tokens = torch.zeros(1, 8, dtype=torch.int64)
    assert judge(State.blank([[5] * 8], 8), tokens).shape == (1, 8, ROWS)
    with pytest.raises(PromptTooLong) as caught:
        judge(State.blank([[5] * 9], 8), tokens)
    assert caught.value.facts == {"prompt": 9, "answer": 8, "context": 16}
