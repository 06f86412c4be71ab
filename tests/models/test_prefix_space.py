"""Tokenizers that put a space before every text (SentencePiece's, as Llama 2 has it) put one before a prompt alone."""

import pytest

from ctrldiff.models.chat import plain_prompt
from ctrldiff.models.hf import Loaded
from ctrldiff.models.spec import ModelSpec


def made(kind, chat_template=None):
    """A tokenizer of bytes and letters, of which U+2581 writes a space."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    pieces += [*"\u2581abcdefghijklmnopqrstuvwxyzQA:[]/", "\u2581a", "\u2581b", "\u2581Q"]
    merges = [("\u2581", "a"), ("\u2581", "b"), ("\u2581", "Q")]
    vocab = {piece: n for n, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.BPE(vocab, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    if kind == "normalizer":
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=kind, split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens([AddedToken(one, special=True, normalized=False) for one in pieces[:3]])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    fast.chat_template = chat_template
    return fast


def loaded(tokenizer, prompt):
    spec = ModelSpec(stop_ids=(2,), n_tokens=len(tokenizer), context=99, mask_id=0, prompt=prompt)
    return Loaded("toy", None, tokenizer, spec)


def spelled(tokenizer, ids):
    """The text of ids, by the pieces alone."""
    text = "".join(tokenizer.convert_ids_to_tokens(ids)).replace("\u2581", " ")
    return text.replace("<0x0A>", "\n").replace("<0x3C>", "<").replace("<0x3E>", ">")


@pytest.mark.parametrize("kind", ["normalizer", "always", "first", "never"])
def test_the_space_stands_where_a_text_begins(kind):
    tokenizer = made(kind)
    first = "" if kind == "never" else " "
    model = loaded(tokenizer, plain_prompt(tokenizer))
    assert model.prompt_ids("ab b", "") == tokenizer.encode("ab b")
    model = loaded(tokenizer, "Q: {text}\nA:")
    assert spelled(tokenizer, model.prompt_ids("ab </s>", "")) == f"{first}Q: ab </s>\nA:"
    assert 2 not in model.prompt_ids("ab </s>", ""), "and a special token's spelling is letters"
    shots = model.prompt_ids("c", "", shots=[("a", "b")])
    assert spelled(tokenizer, shots) == f"{first}Q: a\nA:b</s>{first}Q: c\nA:"
    model = loaded(tokenizer, "[ {text} ]</s>b {text}")
    begun = "" if kind in ("never", "first") else first  # as the tokenizer has it behind a special token in a text
    assert spelled(tokenizer, model.prompt_ids("a", "")) == f"{first}[ a ]</s>{begun}b a"


def test_other_tokenizers_encode_a_piece_as_everywhere():
    tokenizer = made("never")
    model = loaded(tokenizer, "{text}")
    assert model._inside == (None, None)
    assert model.plain_ids("ab", [5]) == model.plain_ids("ab")
