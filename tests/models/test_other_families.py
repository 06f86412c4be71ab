"""DiffuGPT, BERT and EuroBERT: tiny checkpoints under the published names, against plain mathematics."""

from functools import partial

import pytest
import torch

from ctrldiff.models.hf import load as load_as_told
from ctrldiff.state import State
from tests.models import plain_transformer
from tests.models.plain_others import Sizes, bert, bert_shapes, gpt2, gpt2_shapes
from tests.models.published.cases import GPT2, LENGTH, PROMPT, QWEN, Case, qwen_config
from tests.models.tiny_checkpoints import MASK, N_TOKENS, PAD, ROWS, STOP, random_weights, save_checkpoint

S = Sizes()
load = partial(load_as_told, dtype="float32")  # against float64 mathematics
BERT = {
    "architectures": ["BertForMaskedLM"],
    "model_type": "bert",
    "vocab_size": ROWS,
    "hidden_size": S.width,
    "num_hidden_layers": S.layers,
    "num_attention_heads": S.heads,
    "intermediate_size": S.hidden,
    "max_position_embeddings": S.positions,
    "layer_norm_eps": S.eps,
    "hidden_act": "gelu",
    "pad_token_id": PAD,
    "mask_token_id": MASK,
}
EURO = plain_transformer.Sizes(width=32, layers=1, head=8)


def diffugpt(folder):
    weights = random_weights(gpt2_shapes(S), seed=3)
    buffers = {f"denoise_model.h.{n}.attn.bias": torch.ones(1, 1, 4, 4) for n in range(S.layers)}
    save_checkpoint(folder, GPT2, weights | buffers)
    loaded = load(folder, family="DiffuLLaMA", mask_id=MASK)
    return loaded, lambda ids: gpt2(weights, S, ids), 1


def small_bert(folder):
    weights = random_weights(bert_shapes(S), seed=4)
    return load(save_checkpoint(folder, BERT, weights)), lambda ids: bert(weights, S, ids), 0


def eurobert(folder):
    config = qwen_config(
        EURO, architectures=["EuroBertForMaskedLM"], model_type="eurobert", mask_token_id=MASK, eos_token_id=STOP
    )
    weights = plain_transformer.draw(EURO, seed=5)
    case = Case("MaskedLM", EURO, QWEN, config)
    loaded = load(save_checkpoint(folder, config | {"pad_token_id": PAD}, case.published(weights)))
    sees = plain_transformer.everything
    return loaded, lambda ids: plain_transformer.forward(weights, EURO, ids, sees(len(ids))), 0


@pytest.mark.parametrize("make", [diffugpt, small_bert, eurobert], ids=lambda make: make.__name__)
def test_row_i_is_what_the_architecture_says_of_position_i(make, tmp_path):
    loaded, plain, shift = make(tmp_path / "model")
    assert (loaded.spec.mask_id, loaded.spec.logit_shift) == (MASK, shift)
    logits = loaded.denoiser(loaded.denoiser.noise(State.blank([PROMPT], LENGTH)))[0].double()
    expected = plain([*PROMPT, *[MASK] * LENGTH])[len(PROMPT) - shift :][:LENGTH]
    assert torch.allclose(logits[:, :MASK], expected[:, :MASK], atol=2e-4)
    assert torch.isneginf(logits[:, [MASK, PAD, *range(N_TOKENS, ROWS)]]).all()
    assert torch.isfinite(logits[:, STOP]).all()
