"""The tokenizer: byte-level BPE over pieces that never cross the edge of a value.

A value must have the same tokens in the text and in the JSON, or copying it is not copying. So digits stand alone,
words are letters only, runs of blanks are pieces of their own, JSON punctuation merges only with itself ('":"'),
and every other sign is a piece of one character.
"""

from itertools import islice
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

SPECIALS = ("<pad>", "<mask>", "<eos>", "<bos>", "<ask>", "<answer>")
PAD, MASK, EOS, BOS, ASK, ANSWER = range(6)
PIECES = r"""\p{N}|\p{L}+| +|\n+|\r+|\t+|[{}\[\]",:]+|[^\s\p{L}\p{N}{}\[\]",:]|\s"""
ENTRIES = 2048
TRAINED_ON = 30_000  # examples


def train_tokenizer(examples, entries: int = ENTRIES) -> Tokenizer:
    """A tokenizer of at most `entries` tokens from the first TRAINED_ON examples."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=entries,
        special_tokens=list(SPECIALS),
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=2,
    )
    texts = (part for one in islice(examples, TRAINED_ON) for part in (one.text, one.ask, one.answer))
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def as_transformers(tokenizer: Tokenizer, context: int) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        mask_token="<mask>",
        eos_token="<eos>",
        bos_token="<bos>",
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        extra_special_tokens=["<ask>", "<answer>"],
    )


class Encoder:
    """Text to ids, literally: "<mask>" in a user's text is six ordinary signs, never the special token."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.tokenizer.encode_special_tokens = True

    def __call__(self, text: str) -> list[int]:
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def prompt(self, text: str, ask: str) -> list[int]:
        return [BOS, *self(text), ASK, *self(ask), ANSWER]

    def decode(self, ids) -> str:
        return self.tokenizer.decode([one for one in ids if one >= len(SPECIALS)], skip_special_tokens=False)


def load_tokenizer(folder: str | Path) -> Tokenizer:
    return Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
