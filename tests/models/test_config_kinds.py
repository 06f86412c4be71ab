"""A `config.json` is anything: nulls say nothing, and what is of another kind is named before any work."""

import json

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import CtrldiffError, ModelError
from ctrldiff.models import describe as described
from ctrldiff.models.describe import describe
from ctrldiff.models.devices import dtype_of
from ctrldiff.models.hf import TINY
from ctrldiff.models.report import report
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.tokenizer import load_tokenizer
from tests.models.published.cases import GPT2, cases
from tests.models.tiny_checkpoints import MASK, ROWS, STOP, save_checkpoint

SIZES = {"n_heads": 2, "model_length": 64}
CONFIGS = {
    **{str(case): (case.config, case.spec) for case in cases()},
    "DiffuGPT": (GPT2, {"family": "DiffuLLaMA", "mask_id": MASK}),
    "MDLM": ({"model_type": "mdlm", "vocab_size": ROWS, **SIZES}, {}),
    "BD3-LM": ({"model_type": "bd3lm", "vocab_size": ROWS, "block_size": 4, **SIZES}, {}),
    "SEDD": (
        {
            "graph": {"type": "absorb"},
            "noise": {"type": "loglinear"},
            "tokens": MASK,
            "model": {"n_heads": 2, "length": 8},
        },
        {},
    ),
    "HDLM": (
        {
            "model_type": "epsilon_hybrid",
            "tokenizer": {"tokens": MASK},
            "annealing": {"sampling_method": "SAR"},
            "model": {"n_heads": 2, "length": 64},
        },
        {},
    ),
    "DiffusionGemma": (
        {
            "architectures": ["DiffusionGemmaForBlockDiffusion"],
            "text_config": {"vocab_size": ROWS, "eos_token_id": STOP, "pad_token_id": None, "bos_token_id": None},
            "canvas_length": 8,
        },
        {},
    ),
    "RoBERTa": ({"architectures": ["RobertaForMaskedLM"], "vocab_size": ROWS, "mask_token_id": MASK}, {}),
    "ModernBERT": (json.loads((TINY / "config.json").read_text()), {}),
}
OTHERS = ("ctrldiff", "auto_map", "text_config", "architectures", "num_experts", "head_dim", "d_model", "p_uniform")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_checkpoint(tmp_path_factory.mktemp("models") / "any", {}, {"x": torch.zeros(2)})


@pytest.fixture
def told(folder, monkeypatch):
    """What is known of a config, or the error that refuses it; anything else is raised."""
    tokenizer = load_tokenizer(folder)
    monkeypatch.setattr(described, "load_tokenizer", lambda folder, other="": tokenizer)

    def read(config, spec):
        (folder / "config.json").write_text(json.dumps(config))
        try:
            found = describe(folder, **spec)
            dtype_of("auto", found.config, "cpu")
            report(folder, memory=True, **spec)
            return found.spec
        except CtrldiffError as error:
            return error

    return read


@pytest.mark.filterwarnings("ignore:config.json says no block length")
@pytest.mark.parametrize("name", CONFIGS)
def test_whatever_a_word_says_nothing_but_our_own_errors_comes_of_it(told, name):
    config, spec = CONFIGS[name]
    assert isinstance(told(config, spec), ModelSpec)
    for word in {**config, **dict.fromkeys(OTHERS)}:
        for value in (None, str(config.get(word)), [config.get(word)], -1):
            told({**config, word: value}, spec)


def test_a_word_that_says_null_says_nothing(told):
    config, _ = CONFIGS["Dream"]
    nothing = dict.fromkeys([*OTHERS, "pad_token_id", "max_position_embeddings"])
    without = {name: value for name, value in config.items() if name not in nothing}
    assert told({**config, **nothing}, {}) == told({**without, "auto_map": {}, "ctrldiff": {}}, {})


def test_an_id_below_nought_is_none(told):
    config, _ = CONFIGS["Dream"]
    assert told({**config, "pad_token_id": -1}, {}).pad_id == told({**config, "pad_token_id": None}, {}).pad_id


@pytest.mark.parametrize(
    ("word", "value", "hint"),
    [
        ("num_hidden_layers", "2", "a whole number"),
        ("vocab_size", 272.0, "a whole number"),
        ("architectures", "DreamModel", "a list of names"),
        ("auto_map", [], "an object"),
        ("layer_types", "full_attention", "a list"),
    ],
)
def test_a_word_of_another_kind_is_named(told, word, value, hint):
    config, _ = CONFIGS["Dream"]
    error = told({**config, word: value}, {})
    assert isinstance(error, ModelError) and word in error.message and hint in error.hint


@pytest.mark.parametrize(
    "field",
    [
        {"stop_ids": 2},
        {"stop_ids": ["</s>"]},
        {"context": "512"},
        {"context": 100.5},
        {"mask_id": "<mask>"},
        {"banned_ids": 5},
        {"ignores": "word"},
        {"round_to": 2.5},
        {"edits": "yes"},
        {"prose": 1.5},
        {"chat_template_kwargs": "enable_thinking"},
        {"prompt": "Read this."},
        {"family": 5},
    ],
    ids=str,
)
def test_a_field_of_another_kind_is_named(folder, field):
    (folder / "config.json").write_text(json.dumps(CONFIGS["Dream"][0]))
    with pytest.raises(ModelError, match="prompt" if "prompt" in field else f"{next(iter(field))}="):
        describe(folder, **field).spec  # noqa: B018


def test_a_keyword_that_is_none_says_nothing(folder):
    (folder / "config.json").write_text(json.dumps({**CONFIGS["Dream"][0], "ctrldiff": {"canvas": None}}))
    nothing = dict.fromkeys(["stop_ids", "context", "canvas", "prompt", "system", "turn", "family", "ignores"])
    assert describe(folder, **nothing).spec == describe(folder).spec
    model = cd.from_pretrained("tiny", device_map=None, quantization_config=None, attn_implementation=None)
    assert model.loaded.spec == cd.from_pretrained("tiny").loaded.spec
    with pytest.raises(ModelError, match="revision='main' without trust_remote_code"):
        describe(folder, revision="main")


def test_a_dtype_may_be_written_with_the_library_it_is_of():
    assert dtype_of("auto", {"torch_dtype": "torch.bfloat16"}, "cpu") == torch.bfloat16
    assert dtype_of("auto", {"text_config": {"torch_dtype": "float16"}}, "cpu") == torch.float16
