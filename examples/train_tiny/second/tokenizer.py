"""The tokenizer of the second generation: as the first's, with more entries and fewer tokens for running text.

A value has the same tokens in the text and in the JSON, so no piece crosses the edge of a value. Two pieces take
a blank along all the same: a small word that seldom begins a value (" of"), and a sign with the blank behind it (", "),
which ends or parts values and begins none.
"""

from itertools import islice

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from examples.train_tiny.tokenizer import SPECIALS

SMALL = """
    a about after all also am an and any are as at be been but by can could did do does for from had has have he her
    his how i if in into is it its just me more my no not now of on one or our out over she so some than that their
    them then there they this to until up us was we were what when which who will with would you your der die das
    den dem des ein eine und von zu im am mit für auf ist nicht wir sie bis bei de la le les du et en un une est
    pour par sur avec dans au aux el los las y con del por para que se
""".split()
PIECES = (
    r"\p{N}| (?:" + "|".join(sorted(set(SMALL))) + r")(?![\p{L}\p{N}'])|[,.;:] (?! )"
    r"""|\p{L}+| +|\n+|\r+|\t+|[{}\[\]",:]+|[^\s\p{L}\p{N}{}\[\]",:]|\s"""
)
ENTRIES = 8192
TRAINED_ON = 25_000  # examples


def train_tokenizer(examples, entries: int = ENTRIES, count: int = TRAINED_ON) -> Tokenizer:
    """A tokenizer of at most `entries` tokens from the first `count` examples."""
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
    texts = (part for one in islice(examples, count) for part in (one.text, one.ask, one.answer))
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
