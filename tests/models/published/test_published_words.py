"""Published folders load as they are: their words are read or known to be harmless; any other is refused by name."""

import json
import sys
import warnings
from types import ModuleType, SimpleNamespace

import pytest
import torch
from safetensors.torch import save_file

import ctrldiff as cd
from ctrldiff.errors import LoadError, ModelError, UnknownArchitecture
from ctrldiff.models.describe import describe
from ctrldiff.models.diffusion_gemma import DIFFUSION_GEMMA
from ctrldiff.models.family import Source
from tests.models.plain_transformer import draw, forward
from tests.models.published import dit
from tests.models.published.cases import cases
from tests.models.published.words import BD3LM, GIDD, GPT2_MEDIUM, GPT2_TOKENS, MDLM, published, published_later
from tests.models.tiny_checkpoints import MASK, N_TOKENS, save_checkpoint

PUBLISHED = published() + published_later()
each = pytest.mark.parametrize("one", PUBLISHED, ids=str)


@pytest.fixture
def described_as(tmp_path, monkeypatch):
    """`describe` of a config, with a tokenizer of the published size and ids."""

    def write(words, tokens, weights=None, **told):
        ids = {name: tokens.get(name) for name in ("bos", "eos", "pad", "mask")}
        tokenizer = SimpleNamespace(
            **{f"{name}_token_id": one for name, one in ids.items()}, added_tokens_decoder={}, chat_template=None
        )
        tokenizer.encode = lambda text, add_special_tokens=True: [97]
        tokenizer.convert_ids_to_tokens = lambda ids: []
        sized = type("Sized", (SimpleNamespace,), {"__len__": lambda self: tokens["size"]})(**vars(tokenizer))
        monkeypatch.setattr("ctrldiff.models.describe.load_tokenizer", lambda folder, other: sized)
        (tmp_path / "config.json").write_text(json.dumps(words))
        save_file({"x": torch.zeros(1)} if weights is None else weights, tmp_path / "model.safetensors")
        return describe(tmp_path, **told)

    return write


@each
def test_a_published_folder_is_driven_as_it_says(one, described_as):
    """Words, special ids and size of the vocabulary as published; every logit is the architecture's."""
    weights = draw(one.case.sizes, seed=1)
    described = described_as(one.words, one.tokens, one.case.published(weights), **one.told)
    spec = described.spec
    assert spec.family == one.case.family and spec.logit_shift == one.case.shift
    assert {name: getattr(spec, name) for name in one.expected} == one.expected
    source = Source(described.folder, described.config, torch.float32, "cpu")
    network = described.recognised.family.build(source, spec)
    assert spec.round_to == (one.case.block or 1), "blocks are whole ones"
    assert network.rows == one.case.sizes.rows and network.block_length == one.case.block
    ids = torch.tensor([[5, 7, spec.mask_id, 11, spec.mask_id, 2]])
    plain = forward(weights, one.case.sizes, ids[0].tolist(), one.case.sees(6))
    assert torch.allclose(network(ids)[0].double(), plain, atol=2e-4)


@each
def test_a_word_that_nobody_knows_is_refused_by_name(one, described_as):
    described = described_as({**one.words, "logit_twist": 3}, one.tokens, **one.told)
    with pytest.raises(ModelError, match="logit_twist=3") as caught:
        _ = described.spec
    assert caught.value.words == ("logit_twist",)
    assert described_as({**one.words, "logit_twist": None}, one.tokens, **one.told).spec, "null says nothing"
    told = {**one.told, "ignores": ("logit_twist",)}
    assert described_as({**one.words, "logit_twist": 3}, one.tokens, **told).spec.ignores == ("logit_twist",)


@pytest.mark.parametrize(
    ("name", "word", "value"),
    [
        ("LLaDA2.0-mini", "expert_capacity", 1.5),
        ("LLaDA2.0-mini", "score_function", "softmax"),
        ("LLaDA2.0-mini", "norm_head", True),
        ("LLaDA2.0-mini", "rope_scaling", {"type": "yarn", "factor": 4.0}),
        ("LLaDA-8B-Instruct", "scale_logits", True),
        ("LLaDA-8B-Instruct", "layer_norm_type", "default"),
        ("LLaDA-8B-Instruct", "alibi", True),
        ("LLaDA-8B-Instruct", "rope", False),
        ("LLaDA-8B-Instruct", "activation_type", "gelu"),
        ("LLaDA-MoE-7B-A1B-Instruct", "clip_qkv", 8.0),
        ("LLaDA-MoE-7B-A1B-Instruct", "moe_router_score_function", "sigmoid"),
        ("Dream-v0-Instruct-7B", "expand_token_id", 151_667),
        ("Dream-v0-Instruct-7B", "use_sliding_window", True),
        ("Fast_dLLM_v2_1.5B", "layer_types", ["sliding_attention", "full_attention"]),
        ("iLLaDA-8B-Instruct", "layer_norm_eps", 1e-5),
        ("iLLaDA-8B-Instruct", "rope_scaling", {"type": "linear", "factor": 2.0}),
        ("Nemotron-Labs-Diffusion-8B", "dlm_paradigm", "block_diff"),
        ("Nemotron-Labs-Diffusion-8B", "num_ar_layers", 4),
    ],
)
def test_words_of_another_network_are_refused_by_name(name, word, value, described_as):
    (one,) = [one for one in PUBLISHED if one.name == name]
    with pytest.raises(ModelError, match=f"{word}=") as caught:
        _ = described_as({**one.words, word: value}, one.tokens).spec
    assert caught.value.words == (word,)


@pytest.mark.parametrize(
    ("words", "family", "mask"), [(MDLM, "MDLM", 50_257), (BD3LM, "BD3-LM", 50_257), (GIDD, "GIDD", 50_300)]
)
def test_diffusion_transformers_are_recognised_by_their_hub_words(words, family, mask, described_as):
    tokens = GPT2_TOKENS if family != "GIDD" else {**GPT2_TOKENS, "mask": 50_300}
    spec = described_as(words, tokens).spec
    assert (spec.family, spec.mask_id, spec.stop_ids) == (family, mask, (50_256,))
    assert spec.block_length == (4 if family == "BD3-LM" else None)
    with pytest.raises(ModelError, match="causal_twist"):
        _ = described_as({**words, "causal_twist": 1}, tokens).spec


def test_bd3lm_as_its_hub_class_saves_it_has_two_buffers_more(tmp_path):
    weights = dit.published("bd3lm", N_TOKENS)
    weights |= {"sampling_eps_min": torch.tensor(1e-3), "sampling_eps_max": torch.tensor(0.999)}
    sizes = {"hidden_dim": dit.WIDTH, "cond_dim": dit.CONDITION, "n_heads": dit.HEADS}
    words = {**BD3LM, **sizes, "n_blocks": dit.BLOCKS, "vocab_size": N_TOKENS + 1}
    model = cd.from_pretrained(save_checkpoint(tmp_path / "bd3lm", words, weights))
    assert model("Hello", cd.Regex("[0-9]{3}")).raw.isdigit()


def test_gidd_in_its_hub_words_gives_the_logits_of_its_training_words(tmp_path):
    weights = dit.published("gidd", N_TOKENS)
    sizes = {"hidden_size": dit.WIDTH, "timestep_cond_dim": dit.CONDITION}
    sizes |= {"num_attention_heads": dit.HEADS, "num_hidden_layers": dit.BLOCKS}
    words = {**GIDD, **sizes, "mask_token_id": MASK}
    hub = cd.models.load(save_checkpoint(tmp_path / "hub", words, weights)).denoiser
    ours = {**dit.config("gidd", N_TOKENS), "mask_token_id": MASK, "max_seq_len": 512}
    own = cd.models.load(save_checkpoint(tmp_path / "own", ours, weights), family="GIDD").denoiser
    ids, t = torch.arange(9)[None], torch.tensor([0.4])
    assert torch.equal(hub.network(ids, t), own.network(ids, t))


def test_the_tokenizers_mask_is_before_the_familys(described_as):
    """DiffuGPT-m has a mask of its own, DiffuGPT-s has not."""
    weights = {"embed_tokens.weight": torch.zeros(50_258, 2)}
    for mask, expected in ((50_257, 50_257), (None, 10_541)):
        tokens = {**GPT2_TOKENS, "mask": mask, "size": 50_258}
        assert described_as(GPT2_MEDIUM, tokens, weights, family="DiffuLLaMA").spec.mask_id == expected
        assert described_as({**GPT2_MEDIUM, "mask_token_id": 9}, tokens, weights, family="DiffuLLaMA").spec.mask_id == 9


def test_a_null_hides_nothing_that_the_family_knows(described_as):
    (one,) = [one for one in PUBLISHED if one.name == "LLaDA-8B-Instruct"]
    assert described_as({**one.words, "mask_token_id": None}, one.tokens).spec.mask_id == 126_336


def test_a_family_that_does_not_fit_the_config_says_which_word_is_missing(tmp_path):
    (case,) = [case for case in cases() if case.family == "Dream"]
    folder = save_checkpoint(tmp_path / "dream", case.config, case.published(draw(case.sizes, seed=1)))
    with pytest.raises(ModelError, match="does not say d_model") as caught:
        cd.models.load(folder, family="LLaDA", ignores=tuple(case.config))
    assert caught.value.word == "d_model"


def test_a_kernel_that_the_config_names_is_not_taken_and_the_callers_is(tmp_path):
    (case,) = [case for case in cases() if str(case) == "SDAR"]
    config = {**case.config, "attn_implementation": "flex_attention", "_attn_implementation": "flex_attention"}
    folder = save_checkpoint(tmp_path / "sdar", config, case.published(draw(case.sizes, seed=1)))
    assert cd.models.load(folder).denoiser.network.module.config._attn_implementation == "sdpa"
    eager = cd.models.load(folder, attn_implementation="eager").denoiser.network.module
    assert eager.config._attn_implementation == "eager"


def test_a_block_length_that_nobody_says_is_said_aloud(described_as):
    """SDAR's hub configs say none, and there are checkpoints of 4, 8, 16, 32 and 64."""
    (one,) = [one for one in PUBLISHED if one.name == "SDAR-8B-Chat"]
    words = {name: value for name, value in one.words.items() if name != "block_size"}
    with pytest.warns(UserWarning, match="4 is assumed"):
        assert described_as(words, one.tokens).spec.block_length == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert described_as(words, one.tokens, block_length=16).spec.block_length == 16
        assert described_as(one.words, one.tokens).spec.block_length == 4


def test_transformers_without_diffusion_gemma_is_named(monkeypatch):
    older = ModuleType("transformers")
    older.__version__, older.AutoConfig = "5.0.0", None
    monkeypatch.setitem(sys.modules, "transformers", older)
    with pytest.raises(LoadError, match=r"transformers 5\.0\.0 has no DiffusionGemma"):
        DIFFUSION_GEMMA.build(Source(None, {}, torch.float32, "cpu"), None)


def test_the_second_generation_of_gidd_is_still_refused(described_as):
    words = {name: one for name, one in GIDD.items() if name != "p_uniform"}
    with pytest.raises(UnknownArchitecture):
        described_as(words, GPT2_TOKENS)


def test_every_case_has_published_words():
    told = {one.case.family for one in PUBLISHED}
    missing_ones = {case.family for case in cases()} - told
    assert missing_ones == {"Efficient-DLM", "SMDM"}, "whose words could not be seen, and who has none"
    assert all(json.loads(json.dumps(one.words)) == one.words for one in PUBLISHED)
