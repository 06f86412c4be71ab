"""What a folder lacks is named, chat models get their template, and memory that runs out means smaller batches."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import ctrldiff as cd
from ctrldiff.errors import (
    LoadError,
    MissingKeys,
    ModelError,
    NoEndToken,
    NoMaskId,
    OutOfMemory,
    PromptTooLong,
    TokenizerMismatch,
    UnexpectedKeys,
    UnknownArchitecture,
)
from ctrldiff.models.describe import describe
from ctrldiff.models.family import Source
from ctrldiff.models.hf import load
from ctrldiff.models.memory import Room, within_memory
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.tokenizer import FileTokenizer
from ctrldiff.models.transformers import straight
from ctrldiff.state import State
from tests.models.plain_transformer import Sizes, draw
from tests.models.published.cases import QWEN, Case, qwen_config
from tests.models.tiny_checkpoints import BOS, MASK, N_TOKENS, PAD, ROWS, STOP, save_checkpoint, save_tokenizer

SIZES = Sizes(head=6, qkv_bias=True, width=12, layers=1, hidden=16)
CASE = Case(
    "Dream",
    SIZES,
    QWEN,
    qwen_config(SIZES, architectures=["DreamModel"], model_type="Dream", mask_token_id=MASK, eos_token_id=STOP),
)
WEIGHTS = CASE.published(draw(SIZES, seed=1))
LLADA_TURNS = (
    "{% for m in messages %}<|begin|>{{ m['role'] }}\n\n{{ m['content'] | trim }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|begin|>assistant\n\n{% endif %}"
)


@pytest.fixture
def folder(tmp_path):
    return save_checkpoint(tmp_path / "dream", CASE.config, WEIGHTS)


def change(folder, **fields):
    path = folder / "config.json"
    config = json.loads(path.read_text()) | fields
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))
    return folder


def weights(folder, change):
    path = folder / "model.safetensors"
    kept = load_file(path)
    change(kept)
    save_file(kept, path)


# ---- what is missing is named


def test_an_unknown_architecture_lists_names_that_are_near(folder):
    with pytest.raises(UnknownArchitecture) as caught:
        load(change(folder, architectures=["DreamModell"], model_type="drem"))
    assert "DreamModel" in caught.value.near and caught.value.names == ["DreamModell", "drem"]
    with pytest.raises(UnknownArchitecture, match="near: LLaDA"):
        load(folder, family="LLada3")
    assert load(folder, family="dream").spec.family == "Dream"


def test_missing_weights_are_counted_and_the_first_five_named(folder):
    with_biases = {"q_proj.bias", "k_proj.bias", "v_proj.bias"}
    weights(folder, lambda kept: [kept.pop(name) for name in list(kept) if "mlp" in name or name[-11:] in with_biases])
    with pytest.raises(MissingKeys) as caught:
        load(folder)
    assert caught.value.count == 6 and len(caught.value.first) == 5
    assert caught.value.first[0] == "model.layers.0.mlp.down_proj.weight" and "1 more" in str(caught.value)


def test_weights_of_another_shape_and_weights_without_a_place_are_named(folder):
    weights(folder, lambda kept: kept.update({"model.vision.weight": torch.zeros(3)}))
    with pytest.raises(UnexpectedKeys, match=r"model\.vision\.weight") as caught:
        load(folder)
    assert caught.value.count == 1
    weights(folder, lambda kept: kept.pop("model.vision.weight"))
    with pytest.raises(LoadError, match=r"shape|size"):
        load(change(folder, intermediate_size=20))


def test_no_mask_and_no_end_are_asked_for(folder):
    with pytest.raises(NoMaskId, match="mask_id"):
        load(change(folder, mask_token_id=None))
    assert load(folder, mask_id=MASK).spec.mask_id == MASK
    change(folder, eos_token_id=None)
    told = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({k: v for k, v in told.items() if k != "eos_token"}))
    with pytest.raises(NoEndToken, match="stop_ids"):
        load(folder, mask_id=MASK)
    assert load(folder, mask_id=MASK, stop_ids=(STOP,)).spec.stop_ids == (STOP,)


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    small = Sizes(head=6, qkv_bias=True, width=12, layers=1, hidden=16, rows=200)
    case = Case("Dream", small, QWEN, CASE.config | {"vocab_size": 200})
    folder = save_checkpoint(tmp_path / "small", case.config, case.published(draw(small, seed=2)))
    with pytest.raises(TokenizerMismatch) as caught:
        load(folder, mask_id=3, stop_ids=(4,))
    assert (caught.value.tokens, caught.value.rows) == (N_TOKENS, 200)


def test_a_tokenizer_that_cannot_be_read_is_named(folder):
    described = json.loads((folder / "tokenizer.json").read_text())
    later = {**described, "model": {**described["model"], "type": "A later kind"}}
    for wrong in ({}, [], None, later, {**described, "added_tokens": [{}]}):
        (folder / "tokenizer.json").write_text(json.dumps(wrong))
        with pytest.raises(LoadError, match="no tokenizer that can be read"):
            load(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(LoadError, match="has no tokenizer: none of"):
        load(folder)


def test_a_tokenizer_config_may_say_null(folder):
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "extra_special_tokens": None}))
    assert load(folder).spec.n_tokens == N_TOKENS


def test_a_context_that_is_too_short_is_refused_before_the_first_pass(folder):
    model = cd.from_pretrained(folder, context=20)
    with pytest.raises(PromptTooLong) as caught:
        model("word " * 10, cd.Regex("[a-z]{8}"))
    assert caught.value.context == 20


def test_spec_fields_are_checked_by_name():
    good = {"stop_ids": (1,), "n_tokens": 4, "context": 8, "mask_id": 2}
    for bad in ({"noise": "gauss"}, {"attention": "block_causal"}, {"logit_shift": 2}, {"ntk": 0.5}, {"round_to": 0}):
        with pytest.raises(ModelError, match=next(iter(bad))):
            ModelSpec(**good, **bad)
    spec = ModelSpec(**good, attention="block_causal", block_length=4, banned_ids=(3,))
    assert ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


# ---- how weights are held


def test_shards_and_one_file_are_the_same_model(folder, tmp_path):
    many = save_checkpoint(tmp_path / "many", CASE.config, WEIGHTS, shards=3)
    one, other = load(folder).denoiser, load(many).denoiser
    ids = torch.arange(9)[None]
    assert torch.equal(one.network(ids), other.network(ids))
    (many / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(ModelError, match="lacks 1 of 3 weight files: model-00002"):
        load(many)


def test_an_index_that_points_out_of_the_folder_is_refused(folder):
    index = {"weight_map": {"a": "../elsewhere.safetensors"}}
    shutil.copy(folder / "model.safetensors", folder.parent / "elsewhere.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="elsewhere"):
        load(folder)
    for wrong in ([1], {"weight_map": None}, {"weight_map": {"a": ["b"]}}, {"weight_map": {"a": 1}}):
        (folder / "model.safetensors.index.json").write_text(json.dumps(wrong))
        with pytest.raises(ModelError, match="is no index of weights"):
            load(folder)


def test_bfloat16_by_name_and_by_dtype(folder):
    for dtype in ("bfloat16", torch.bfloat16):
        denoiser = load(folder, dtype=dtype).denoiser
        assert denoiser.network.module.dtype == torch.bfloat16
        logits = denoiser(denoiser.noise(State.blank([[1, 2]], 3)))
        assert logits.dtype == torch.bfloat16, "read as they are"
    with pytest.raises(ModelError, match="bfloat17"):
        load(folder, dtype="bfloat17")


def test_the_attention_is_passed_on(folder):
    one = load(folder, attn_implementation="eager", dtype="float32").denoiser.network
    assert one.module.config._attn_implementation == "eager"
    ids = torch.arange(9)[None]
    assert torch.allclose(one(ids), load(folder, dtype="float32").denoiser.network(ids), atol=1e-5)


def test_weights_go_straight_to_a_device():
    """With accelerate at hand one by one; a map of the caller's own is theirs, and the CPU needs none."""
    source = Source(Path("somewhere"), {}, torch.float32, "cuda:1")
    assert straight(source) == {"device_map": {"": "cuda:1"}}
    assert straight(replace(source, options={"device_map": "auto"})) == {"device_map": "auto"}
    assert straight(replace(source, device="cpu")) == {}


def test_a_device_map_is_passed_on(folder):
    """Placed by accelerate, or refused by the name of the package that is not there."""
    from transformers.utils import is_accelerate_available

    if not is_accelerate_available():
        with pytest.raises(LoadError, match="accelerate"):
            load(folder, device_map="auto")
        return
    placed = load(folder, device_map="cpu").denoiser.network
    ids = torch.arange(9)[None]
    assert torch.equal(placed(ids), load(folder).denoiser.network(ids))


def test_quantisation_is_passed_on_and_its_missing_package_is_named(folder):
    from transformers import BitsAndBytesConfig

    with pytest.raises(LoadError, match=r"bitsandbytes|accelerate|GPU"):
        load(folder, quantization_config=BitsAndBytesConfig(load_in_4bit=True))


def test_ntk_turns_the_positions_more_slowly(folder):
    stretched, plain = load(folder, ntk=4.0).denoiser.network, load(folder).denoiser.network
    for network, base in ((plain, SIZES.base), (stretched, 4 * SIZES.base)):
        rates = network.module.model.rotary_emb.inv_freq
        expected = base ** (-torch.arange(0, SIZES.head, 2) / SIZES.head)
        assert torch.allclose(rates, expected, rtol=1e-5)


# ---- what the model is asked


def test_a_chat_model_is_asked_through_its_template(folder):
    save_tokenizer(folder, chat_template=LLADA_TURNS)
    loaded = load(folder, system="Be brief.")
    assert loaded.spec.prompt == (
        "<|begin|>system\n\nBe brief.<|end|><|begin|>user\n\n{text}\n\n{instruction}<|end|><|begin|>assistant\n\n"
    )
    said = list(b"system\n\nBe brief.")
    text = "Say <|mask|> {ask}"  # in a text these are letters, never a token and never a place
    ids = loaded.prompt_ids(text, "yes|no")
    asked = list(f"user\n\n{text}\n\nAnswer with this, and nothing else: yes|no".encode())
    assert ids == [BOS, *said, STOP, BOS, *asked, STOP, BOS, *b"assistant\n\n"]
    bare = loaded.prompt_ids("Hello", "")
    assert bare == [BOS, *said, STOP, BOS, *b"user\n\nHello", STOP, BOS, *b"assistant\n\n"]


@pytest.mark.parametrize("whole", [True, False], ids=["tokenizers", "transformers"])
def test_a_mask_that_the_tokenizer_calls_ordinary_is_text_in_a_text(folder, whole):
    """Fast-dLLM v2's mask is an added token without the flag: its spelling in a text must not act as a mask."""
    described = json.loads((folder / "tokenizer.json").read_text())
    added = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    described["added_tokens"] += [
        {"id": 260, "content": "|<MASK>|", **added},
        {"id": 261, "content": "<think>", **added},
        {"id": 262, "content": "</stop>", **added},
    ]
    if not whole:  # then it is read by transformers
        (folder / "special_tokens_map.json").write_text("{}")
    (folder / "tokenizer.json").write_text(json.dumps(described))
    loaded = load(change(folder, mask_token_id=260), stop_ids=(STOP, 262))
    assert isinstance(loaded.tokenizer, FileTokenizer) == whole
    text = "a |<MASK>| in <|mask|> a </stop>, and |<MASK>|"
    assert loaded.plain_ids(text) == list(text.encode())
    assert loaded.plain_ids("<think>") == [261], "an ordinary token that nothing hangs on is what it was"
    assert loaded.denoiser.vocabulary[260] is None
    prompt = load(folder, stop_ids=(STOP, 262), prompt="<|begin|>{text}").prompt_ids(text, "")
    assert prompt == [BOS, *text.encode()]


def test_what_ends_a_turn_ends_an_answer(folder):
    save_tokenizer(folder, chat_template=LLADA_TURNS.replace("<|end|>", "<|pad|>"))
    assert load(folder).spec.stop_ids == (STOP, PAD)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [STOP, BOS]}))
    assert load(folder).spec.stop_ids == (STOP, PAD, BOS)
    assert load(folder, stop_ids=(STOP,)).spec.stop_ids == (STOP,)
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": "<|end|>"}))
    with pytest.raises(ModelError, match=r"a token id is said to be '<\|end\|>'"):
        load(folder)


def test_a_template_without_answers_says_nothing_of_their_end(folder):
    turns = LLADA_TURNS.replace("{% for m in messages %}", "{% for m in messages if m['role'] != 'assistant' %}")
    save_tokenizer(folder, chat_template=turns)
    assert load(folder).spec.stop_ids == (STOP,), "not the token that a prompt begins with"


def test_a_template_that_hides_the_text_is_refused(folder):
    save_tokenizer(folder, chat_template="{{ messages[0]['content'] | upper }}")
    with pytest.raises(ModelError, match="prompt="):
        load(folder)
    assert load(folder, prompt="{text}!").prompt_ids("a", "") == [97, 33]
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ModelError, match="system="):
        load(folder, system="Be brief.")


def test_a_chat_model_answers_in_the_form_that_is_asked(folder):
    save_tokenizer(folder, chat_template=LLADA_TURNS)
    model = cd.from_pretrained(folder, context=200)
    result = model("How old is Ada?", cd.Regex("[0-9]{2}"), ask="age")
    assert result.raw.isdigit() and len(result.raw) == 2


# ---- memory


def test_a_batch_that_does_not_fit_is_taken_in_halves():
    seen = []

    def network(ids):
        seen.append(len(ids))
        if len(ids) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return ids[..., None].float()

    ids = torch.arange(10).reshape(5, 2)
    room = Room()
    with pytest.warns(RuntimeWarning, match="5 rows of 2 tokens .* batch_size=3"):
        assert torch.equal(within_memory(network, ids, room=room)[..., 0], ids.float())
    assert seen == [5, 3, 2, 1, 2]
    seen.clear()
    assert torch.equal(within_memory(network, ids, room=room)[..., 0], ids.float())
    assert seen == [2, 1, 2], "what did not fit is not tried again, nor said again"


def test_a_row_that_does_not_fit_alone_is_an_error_and_other_errors_pass():
    def full(ids):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    with pytest.warns(RuntimeWarning), pytest.raises(OutOfMemory) as caught:
        within_memory(full, torch.zeros((2, 7), dtype=torch.int64), room=Room())
    assert (caught.value.rows, caught.value.device) == (1, "cpu")

    def other(ids):
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        within_memory(other, torch.zeros((2, 7)), room=Room())


def test_the_denoiser_halves_its_batch():
    def network(ids):
        if len(ids) > 1:
            raise torch.OutOfMemoryError("out of memory")
        return torch.nn.functional.one_hot(ids, 6).float()

    spec = ModelSpec(stop_ids=(3,), n_tokens=5, context=32, mask_id=2)
    vocabulary = cd.Vocabulary.from_tokens([b"a", b"b", None, None, b"c", b"d"], stop_ids=[3])
    with pytest.warns(RuntimeWarning):
        logits = cd.from_callable(network, spec, vocabulary)(State.blank([[0], [1], [4]], 2))
    assert logits.shape == (3, 2, 6)


def test_describing_reads_no_weights(folder):
    (folder / "model.safetensors").write_bytes(b"not weights")
    described = describe(folder)
    assert described.recognised.why == "architectures: DreamModel" and described.spec.n_tokens == N_TOKENS < ROWS


CODE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel
class OwnConfig(PretrainedConfig):
    model_type = "own"
class OwnModel(PreTrainedModel):
    config_class = OwnConfig
    def __init__(self, config):
        super().__init__(config)
        self.words = torch.nn.Embedding(config.vocab_size, config.vocab_size)
        self.post_init()
    def get_input_embeddings(self):
        return self.words
    def forward(self, input_ids):
        return self.words(input_ids)
"""


def test_code_of_a_checkpoint_runs_only_when_trusted_at_a_commit(tmp_path):
    revision = "0123456789abcdef" * 2 + "01234567"
    config = {"model_type": "own", "architectures": ["OwnModel"], "vocab_size": ROWS, "eos_token_id": STOP}
    config |= {"auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}, "mask_token_id": MASK}
    table = torch.randn(ROWS, ROWS)
    folder = save_checkpoint(tmp_path / "snapshots" / revision, config, {"words.weight": table})
    (folder / "own.py").write_text(CODE)
    with pytest.raises(UnknownArchitecture, match="its own Python"):
        load(folder)
    for wrong in ("", "main", revision[:39]):
        with pytest.raises(ModelError, match="revision="):
            load(folder, trust_remote_code=True, revision=wrong)
    with pytest.raises(ModelError, match="not the snapshot"):
        load(folder, trust_remote_code=True, revision=revision[::-1])
    ids = torch.arange(9)[None]
    trusted = load(folder, trust_remote_code=True, revision=revision)
    assert torch.equal(trusted.denoiser.network(ids), table[ids])
