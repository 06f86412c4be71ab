"""Our ModernBERT and our reading of `tokenizer.json`, against those of transformers."""

import copy
import json
import pickle
import random
import shutil
import subprocess
import sys
import unicodedata

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, ModernBertConfig, ModernBertForMaskedLM

import ctrldiff as cd
from ctrldiff.errors import MissingKeys, ModelError, UnexpectedKeys
from ctrldiff.models.family import Source
from ctrldiff.models.hf import TINY, load
from ctrldiff.models.modern_bert import ModernBertNetwork
from ctrldiff.models.registry import recognise
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.tokenizer import FileTokenizer, load_tokenizer
from ctrldiff.models.transformers import TransformersNetwork
from tests.invoices import invoices

CONFIG = json.loads((TINY / "config.json").read_text())
SMALL = {"vocab_size": 64, "hidden_size": 24, "intermediate_size": 20, "num_hidden_layers": 3, "num_attention_heads": 2}
SMALL |= {"pad_token_id": 0, "bos_token_id": 3, "eos_token_id": 2, "cls_token_id": 3, "sep_token_id": 2}


def ids(rows, length, size=2048):
    return torch.randint(0, size, (rows, length), generator=torch.Generator().manual_seed(length))


@pytest.fixture(scope="module")
def theirs():
    return AutoModelForMaskedLM.from_pretrained(TINY).eval()


@pytest.fixture(scope="module")
def tokenizers():
    return load_tokenizer(TINY), AutoTokenizer.from_pretrained(TINY)


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(TINY, tmp_path / "copy")


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (2, 7), (3, 160), (1, 320)])
def test_the_model_in_the_box_computes_what_transformers_does(theirs, rows, length):
    ours = load(TINY).denoiser.network
    assert isinstance(ours, ModernBertNetwork) and ours.rows == 2048
    with torch.inference_mode():
        assert torch.allclose(ours(ids(rows, length)), theirs(ids(rows, length)).logits, atol=2e-4)


def test_rows_of_unequal_length_do_not_see_each_others_padding():
    network = load(TINY).denoiser.network
    lengths = torch.tensor([160, 97, 133])
    together = network.picked(slice(3, 90), ids(3, 160), lengths)
    for row, own in enumerate(lengths.tolist()):
        alone = network(ids(3, 160)[row : row + 1, :own])[0, 3:90]
        torch.testing.assert_close(together[row], alone, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"hidden_activation": "silu", "classifier_activation": "linear", "local_attention": 4},
        {"attention_bias": True, "mlp_bias": True, "norm_bias": True, "classifier_bias": True, "decoder_bias": False},
        {"layer_types": ["sliding_attention", "full_attention", "sliding_attention"], "norm_eps": 0.01},
    ],
    ids=["transformers' defaults", "as tiny", "other biases", "other layers"],
)
def test_any_config_that_is_covered_computes_what_transformers_does(how, tmp_path):
    torch.manual_seed(1)
    theirs = ModernBertForMaskedLM(ModernBertConfig(**SMALL, **how)).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():  # norms and biases begin at one and zero, which would hide them
            parameter += 0.3 * torch.randn(parameter.shape)
    folder = shutil.copytree(TINY, tmp_path / "small", ignore=lambda *_: ["config.json", "model.safetensors"])
    theirs.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    family = recognise(config).family
    assert family.name == "ModernBERT"
    spec = ModelSpec(stop_ids=(2,), mask_id=1, n_tokens=64, context=64)
    network = family.build(Source(folder, config, torch.float32, "cpu"), spec)
    with torch.inference_mode():
        assert torch.allclose(network(ids(2, 33, 64)), theirs(ids(2, 33, 64)).logits, atol=2e-4)


def test_loading_draws_nothing():
    torch.manual_seed(3)
    load(TINY)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert drawn == torch.rand(1)


def test_a_copy_that_transformers_trained_and_saved_takes_the_same_way(tmp_path, theirs):
    model = AutoModelForMaskedLM.from_pretrained(TINY)
    with torch.no_grad():
        model.model.layers[2].mlp.Wo.weight.mul_(-1)
    model.save_pretrained(tmp_path / "trained")
    AutoTokenizer.from_pretrained(TINY).save_pretrained(tmp_path / "trained")
    loaded = load(tmp_path / "trained")
    assert isinstance(loaded.denoiser.network, ModernBertNetwork) and isinstance(loaded.tokenizer, FileTokenizer)
    with torch.inference_mode():
        logits = loaded.denoiser.network(ids(1, 40))
        assert torch.allclose(logits, model.eval()(ids(1, 40)).logits, atol=2e-4)
        assert not torch.allclose(logits, theirs(ids(1, 40)).logits, atol=0.1)


@pytest.mark.slow
def test_nothing_of_transformers_is_imported_on_the_way_to_an_answer():
    code = (
        "import sys, ctrldiff as cd\n"
        "assert isinstance(cd.from_pretrained('tiny')('Total due: EUR 5.00', float).output, float)\n"
        "print(sorted({'transformers', 'huggingface_hub', 'torch._dynamo', 'sympy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def changed(**fields):
    return {**CONFIG, **fields}


@pytest.mark.parametrize(
    "config",
    [
        {name: value for name, value in CONFIG.items() if name != "layer_types"},
        changed(layer_types=None),
        changed(hidden_size="192"),
        changed(rope_parameters={"rope_type": "default", "rope_theta": 1e4}),
        changed(tie_word_embeddings=False),
        changed(hidden_activation="relu"),
        changed(num_hidden_layers=7),
        changed(
            rope_parameters={kind: {"rope_type": "yarn", "rope_theta": 1e4} for kind in set(CONFIG["layer_types"])}
        ),
    ],
    ids=["not stated", "null", "no size", "no rope", "not tied", "activation", "layers", "rope"],
)
def test_what_the_network_does_not_cover_is_left_to_transformers(config):
    assert recognise(config).family.name == "MaskedLM"


def test_a_family_can_be_asked_for_by_name(folder):
    assert isinstance(load(TINY, family="MaskedLM").denoiser.network, TransformersNetwork)
    (folder / "config.json").write_text(json.dumps(changed(hidden_activation="relu")))
    assert isinstance(load(folder, family="ModernBERT").denoiser.network, TransformersNetwork)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"])
def test_a_copied_model_computes_and_reads_the_same(again):
    loaded = load(TINY)
    copied = again(loaded)
    assert torch.equal(copied.denoiser.network(ids(1, 9)), loaded.denoiser.network(ids(1, 9)))
    assert copied.plain_ids("<mask> a") == loaded.plain_ids("<mask> a") != loaded.tokenizer.encode("<mask> a")


def test_arguments_of_transformers_take_its_class():
    network = load(TINY, attn_implementation="eager").denoiser.network
    assert isinstance(network, TransformersNetwork) and network.module.config._attn_implementation == "eager"
    with pytest.raises(ModelError, match="ntk"):
        load(TINY, ntk=4.0)


def test_it_keeps_no_keys_and_values():
    with pytest.raises(ModelError, match="keeps no keys and values"):
        load(TINY, cache="approximate", block_length=8)


def test_weights_are_accounted_for(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    tied = weights | {"decoder.weight": weights["model.embeddings.tok_embeddings.weight"].clone()}
    save_file(tied, folder / "model.safetensors")
    assert load(folder).denoiser.network.rows == 2048  # a second copy of the embedding is no stranger
    save_file(weights | {"extra": torch.zeros(1)}, folder / "model.safetensors")
    with pytest.raises(UnexpectedKeys, match="extra"):
        load(folder)
    weights.pop("head.norm.weight")
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(MissingKeys, match=r"head\.norm\.weight"):
        load(folder)


# Every byte as Latin-1 has it, ends of words and digits, what is longer in one normal form than in the other, scripts
# without spaces, emoji of several code points, marks on nothing, private use, the last code point, our specials.
ODD = [
    "".join(map(chr, range(256))),
    *(chr(one) for one in range(256)),
    "a\r\n\tb\x00c\u2028d\u2029e\x85f\u00a0g\u200bh\ufeffi",
    "naïve Åström ﬁancée ½ ² ٣ Ⅷ ④ 12٣45",
    unicodedata.normalize("NFD", "Ångström Żółć 한국어"),
    "東京都、千代田区。ภาษาไทย עברית العربية हिन्दी",
    "👩‍👩‍👧‍👦 🇩🇪 ✍🏽 e\u0301\u0301\u0301 \u0301",
    "\ue000 \U0010ffff \ufffd \u202eabc\u202c",
    "<mask><eos><bos>a<ask>b<answer>c<pad> <mask > <MASK>",
    "      \n\n\n   {}[]\":,{{\"\"}} a  b",
    "",
]  # fmt: skip


@pytest.mark.parametrize("special", [True, False])
@pytest.mark.parametrize("split", [True, False])
def test_the_ids_are_those_of_transformers(tokenizers, special, split):
    ours, theirs = tokenizers
    assert isinstance(ours, FileTokenizer)
    rng = random.Random(5)
    drawn = ["".join(chr(rng.choice(range(0x20, 0x3000))) for _ in range(40)) for _ in range(200)]
    how = {"add_special_tokens": special, "split_special_tokens": split}
    for text in [*ODD, *drawn, *(bill.text for bill in invoices(40))]:
        assert ours.encode(text, **how) == theirs.encode(text, **how), text


def test_what_else_is_asked_of_a_tokenizer_is_as_transformers_says(tokenizers):
    ours, theirs = tokenizers
    assert len(ours) == len(theirs) == 2048
    names = [f"{name}_token_id" for name in ("mask", "pad", "bos", "eos", "cls", "sep", "unk")]
    assert [getattr(ours, name) for name in names] == [getattr(theirs, name) for name in names]
    every = list(range(2048))
    assert ours.convert_ids_to_tokens(every) == theirs.convert_ids_to_tokens(every)
    specials = [{n for n, one in each.added_tokens_decoder.items() if one.special} for each in tokenizers]
    assert specials[0] == specials[1] == {0, 1, 2, 3, 4, 5}
    for skip in (True, False):
        assert ours.decode(every, skip_special_tokens=skip) == theirs.decode(every, skip_special_tokens=skip)
    assert not ours.chat_template and not hasattr(ours, "apply_chat_template")
    assert load(TINY).denoiser.vocabulary == cd.Vocabulary.from_tokenizer(
        theirs, stop_ids=[2], pad_id=0, banned_ids=[0, 1, 3, 4, 5], size=2048
    )


TRUNCATION = {"max_length": 9, "strategy": "LongestFirst", "direction": "Right", "stride": 0}


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("tokenizer_config.json", {"chat_template": "{{ messages[0].content }}"}),
        ("tokenizer_config.json", {"split_special_tokens": True}),
        ("tokenizer_config.json", {"tokenizer_class": "LlamaTokenizer"}),
        ("tokenizer_config.json", {"extra_special_tokens": ["<ask>", "<new>"]}),
        ("tokenizer_config.json", {"sep_token": "e"}),  # a word of the vocabulary, made special
        ("tokenizer.json", {"post_processor": None}),
        ("tokenizer.json", {"truncation": TRUNCATION}),
        ("added_tokens.json", {"<new>": 2048}),
    ],
    ids=["chat", "unknown field", "class", "new special", "named word", "post-processor", "truncation", "added"],
)
def test_a_tokenizer_that_its_file_does_not_say_all_of_is_left_to_transformers(file, change, folder):
    path = folder / file
    path.write_text(json.dumps((json.loads(path.read_text()) if path.is_file() else {}) | change))
    assert not isinstance(load_tokenizer(folder), FileTokenizer)
