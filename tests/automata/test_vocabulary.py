"""The bytes of tokens: given by hand, and read from tokenizers trained here."""

import json
import random

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from ctrldiff.errors import VocabularyError
from ctrldiff.tokens.tokenizer_bytes import SAMPLES, byte_alphabet
from ctrldiff.tokens.vocabulary import Vocabulary

TEXTS = [
    "The quick brown fox jumps over the lazy dog. " * 3,
    '{"name": "Ada Lovelace", "born": "1815-12-10", "notes": ["über", "café", "東京"]}',
    "for i in range(10):\n    print(i)\n\n\treturn None",
]
UNSEEN = "Ünseen words: 🦉 ß 漢字 \t{}\n  1234567890"


def byte_level(**how):
    """GPT-2-like: byte-level BPE."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=how.pop("prefix", False))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.normalizer = how.pop("normalizer", None)
    alphabet = how.pop("alphabet", sorted(byte_alphabet()))
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=alphabet,
        special_tokens=["<|endoftext|>", "<|mask|>"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.add_tokens(["<think>"])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **how)


def sentencepiece_like(*, prefix, pieces=256, **how):
    """BPE with byte fallback: Gemma-like without a dummy prefix, Llama-like with one."""
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<pad>", "<eos>", "<bos>", "<unk>"], show_progress=False
    )
    trained.train_from_iterator(TEXTS, trainer)
    model = json.loads(trained.to_str())["model"]
    vocab = dict(model["vocab"])
    for byte in range(pieces):
        vocab[f"<0x{byte:02X}>"] = len(vocab)
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    steps = [normalizers.Prepend("▁")] if prefix else []
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        + ([decoders.Strip(" ", 1, 0)] if prefix else [])
    )
    tokenizer.add_special_tokens(["<pad>", "<eos>", "<bos>", "<unk>"])
    names = {"eos_token": "<eos>", "bos_token": "<bos>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **(names | how))


def unigram_with_fallback():
    """A Unigram model with byte fallback and a Metaspace that puts a space before every text."""
    pieces = [("<unk>", 0.0), ("</s>", 0.0)] + [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    pieces += [("▁", -3.0), ("the", -5.0), ("▁the", -4.0)] + [(chr(c), -8.0) for c in range(0x21, 0x7F)]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    tokenizer.add_special_tokens(["<unk>", "</s>"])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>")


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[UNK]", "[SEP]"], show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, sep_token="[SEP]", unk_token="[UNK]")


def encoded_bytes(vocabulary, tokenizer, text):
    return vocabulary.decode(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)


EXACT = {
    "byte level": lambda: byte_level(eos_token="<|endoftext|>", mask_token="<|mask|>"),
    "byte level, NFC": lambda: byte_level(eos_token="<|endoftext|>", normalizer=normalizers.NFC()),
    "gemma-like": lambda: sentencepiece_like(prefix=False),
}
PREFIXED = {
    "llama-like": lambda: sentencepiece_like(prefix=True),
    "unigram": unigram_with_fallback,
    "byte level, prefix space": lambda: byte_level(eos_token="<|endoftext|>", prefix=True),
}


@pytest.mark.parametrize("kind", EXACT)
def test_the_bytes_of_a_text_s_tokens_are_the_text(kind):
    tokenizer = EXACT[kind]()
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    for text in (*SAMPLES, *TEXTS, UNSEEN):
        assert encoded_bytes(vocabulary, tokenizer, text) == text.encode()
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


@pytest.mark.parametrize("kind", PREFIXED)
def test_a_dummy_prefix_is_one_space_that_decode_hides(kind):
    tokenizer = PREFIXED[kind]()
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    for text in (*SAMPLES, UNSEEN):
        assert encoded_bytes(vocabulary, tokenizer, text) == b" " + text.encode()


def test_every_byte_can_be_written_by_a_token_of_its_own():
    for tokenizer in (EXACT["byte level"](), EXACT["gemma-like"](), unigram_with_fallback()):
        singles = {token for token in Vocabulary.from_tokenizer(tokenizer) if token and len(token) == 1}
        assert len(singles) == 256


def test_specials_are_banned_and_added_words_are_literal():
    tokenizer = byte_level(eos_token="<|endoftext|>", mask_token="<|mask|>")
    vocabulary = Vocabulary.from_tokenizer(tokenizer, size=len(tokenizer) + 5)
    assert vocabulary[tokenizer.convert_tokens_to_ids("<|mask|>")] is None
    assert vocabulary[tokenizer.convert_tokens_to_ids("<think>")] == b"<think>"
    assert vocabulary.stop_ids == (tokenizer.eos_token_id,) and vocabulary[tokenizer.eos_token_id] is None
    assert len(vocabulary) == vocabulary.size == len(tokenizer) + 5
    assert all(vocabulary[len(tokenizer) + i] is None for i in range(5))


def test_added_runs_of_the_space_letter_are_spaces():
    """Gemma lists them as added tokens beside being pieces; its decoder writes spaces."""
    tokenizer = EXACT["gemma-like"]()
    tokenizer.add_tokens(["\u2581" * n for n in range(2, 6)])
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    text = "a" + " " * 5 + "b"
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert vocabulary.decode(ids).decode() == text == tokenizer.decode(ids)
    assert vocabulary[tokenizer.convert_tokens_to_ids("\u2581\u2581\u2581")] == b"   "


def test_the_unknown_token_and_the_pad_are_never_text():
    tokenizer = sentencepiece_like(prefix=False)
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert vocabulary.pad_id == tokenizer.pad_token_id
    for name in ("<unk>", "<pad>", "<bos>", "<eos>"):
        assert vocabulary[tokenizer.convert_tokens_to_ids(name)] is None


def test_a_pad_that_is_the_mask_is_no_pad():
    how = {"eos_token": "<|endoftext|>", "pad_token": "<|mask|>"}
    assert Vocabulary.from_tokenizer(byte_level(**how)).pad_id is not None
    assert Vocabulary.from_tokenizer(byte_level(**how, mask_token="<|mask|>")).pad_id is None
    tokenizer = byte_level(**how)
    assert Vocabulary.from_tokenizer(tokenizer, banned_ids=[tokenizer.pad_token_id]).pad_id is None


def test_a_mask_without_a_flag_is_banned_when_named():
    plain = byte_level(eos_token="<|endoftext|>")
    described = json.loads(plain.backend_tokenizer.to_str())
    for entry in described["added_tokens"]:
        entry["special"] = entry["content"] == "<|endoftext|>"
    unflagged = Tokenizer.from_str(json.dumps(described))
    mask = unflagged.token_to_id("<|mask|>")
    wrapped = PreTrainedTokenizerFast(tokenizer_object=unflagged, eos_token="<|endoftext|>")
    assert Vocabulary.from_tokenizer(wrapped)[mask] == b"<|mask|>"
    assert Vocabulary.from_tokenizer(wrapped, banned_ids=[mask])[mask] is None
    named = PreTrainedTokenizerFast(tokenizer_object=unflagged, eos_token="<|endoftext|>", mask_token="<|mask|>")
    assert Vocabulary.from_tokenizer(named)[mask] is None


def test_the_vocabulary_is_believed_before_the_decoder():
    tokenizer = EXACT["byte level"]()
    expected = Vocabulary.from_tokenizer(tokenizer)
    tokenizer.backend_tokenizer.decoder = decoders.Metaspace()
    assert Vocabulary.from_tokenizer(tokenizer) == expected


def test_a_small_byte_alphabet_is_enough_when_the_decoder_says_so():
    tokenizer = byte_level(eos_token="<|endoftext|>", alphabet=[])
    vocabulary = Vocabulary.from_tokenizer(tokenizer)
    assert encoded_bytes(vocabulary, tokenizer, TEXTS[1]) == TEXTS[1].encode()


def test_stop_ids_given_win_and_none_at_all_is_an_error_that_names_candidates():
    tokenizer = byte_level()
    with pytest.raises(VocabularyError) as error:
        Vocabulary.from_tokenizer(tokenizer)
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    assert (end, "<|endoftext|>") in error.value.candidates and "stop_ids=" in str(error.value)
    assert Vocabulary.from_tokenizer(tokenizer, stop_ids=[end]).stop_ids == (end,)
    assert Vocabulary.from_tokenizer(tokenizer, stop_ids=()).stop_ids == ()


def test_a_bare_tokenizer_is_read_too():
    tokenizer = EXACT["byte level"]()
    stop = tokenizer.eos_token_id
    bare = Vocabulary.from_tokenizer(tokenizer.backend_tokenizer, stop_ids=[stop])
    assert bare == Vocabulary.from_tokenizer(tokenizer)


def test_word_piece_is_refused_by_an_example():
    with pytest.raises(VocabularyError, match="WordPiece") as error:
        Vocabulary.from_tokenizer(word_piece(), stop_ids=[1])
    assert error.value.example.startswith("##")


def test_a_vocabulary_of_words_is_refused():
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "hello": 1, "wörld": 2, "東": 3}, unk_token="[UNK]"))
    with pytest.raises(VocabularyError, match="not known which bytes"):
        Vocabulary.from_tokenizer(words, stop_ids=())


def test_a_slow_tokenizer_is_refused():
    with pytest.raises(VocabularyError, match="not a fast tokenizer"):
        Vocabulary.from_tokenizer(object())


def test_a_tokenizer_that_fails_its_self_test_is_refused():
    lying = EXACT["byte level"]()
    lying.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    with pytest.raises(VocabularyError, match="self-test"):
        Vocabulary.from_tokenizer(lying)


def test_a_model_with_fewer_rows_than_the_tokenizer_is_refused():
    tokenizer = EXACT["byte level"]()
    with pytest.raises(VocabularyError, match="rows"):
        Vocabulary.from_tokenizer(tokenizer, size=len(tokenizer) - 1)
    with pytest.raises(VocabularyError, match="to ban"):
        Vocabulary.from_tokenizer(tokenizer, banned_ids=[len(tokenizer)])


def test_tokens_by_hand():
    vocabulary = Vocabulary.from_tokens(
        [b"ab", None, b"", b"\xff\x00", b"x", b"y"], stop_ids=[4, np.int64(4)], pad_id=5
    )
    assert list(vocabulary) == [b"ab", None, b"", b"\xff\x00", None, None]
    assert vocabulary.stop_ids == (4,) and vocabulary.pad_id == 5
    assert vocabulary.decode([0, 2, 3, 4, 1]) == b"ab\xff\x00" and vocabulary.decode([]) == b""
    assert vocabulary.decode(np.array([0, 0])) == b"abab"
    with pytest.raises(IndexError):
        vocabulary[-1]
    with pytest.raises(VocabularyError) as error:
        vocabulary.decode([0, 1])
    assert (error.value.token, error.value.position) == (1, 1)
    with pytest.raises(VocabularyError, match="outside"):
        vocabulary.decode([6])


@pytest.mark.parametrize(
    ("tokens", "how", "says"),
    [
        (["a"], {}, "not bytes"),
        ([b"a"], {"stop_ids": [1]}, "stop id 1"),
        ([b"a"], {"pad_id": -1}, "pad id -1"),
    ],
)
def test_bad_tokens_and_ids_are_refused(tokens, how, says):
    with pytest.raises(VocabularyError, match=says):
        Vocabulary.from_tokens(tokens, **how)


def test_equal_contents_are_equal_and_anything_else_differs():
    base = [b"a", b"bc", None, b""]
    same, again = Vocabulary.from_tokens(base, [2]), Vocabulary.from_tokens(list(base), [2])
    assert same == again and hash(same) == hash(again) and same.fingerprint == again.fingerprint
    others = [
        Vocabulary.from_tokens([b"ab", b"c", None, b""], [2]),
        Vocabulary.from_tokens([b"a", b"bc", None, None], [2]),
        Vocabulary.from_tokens(base),
        Vocabulary.from_tokens(base, [2], pad_id=2),
    ]
    assert len({same, *others}) == 5


def test_the_trie_spells_every_token():
    rng = random.Random(5)
    tokens = [bytes(rng.choices([0, 97, 255], k=rng.randint(0, 5))) for _ in range(300)] + [None]
    vocabulary = Vocabulary.from_tokens(tokens)
    trie = vocabulary.trie
    spelled = [b""] * len(trie.parent)
    for node in range(1, len(trie.parent)):
        assert trie.parent[node] < node
        spelled[node] = spelled[trie.parent[node]] + bytes([trie.byte[node]])
    assert len(set(spelled)) == len(spelled)
    assert [None if node < 0 else spelled[node] for node in trie.node] == tokens
