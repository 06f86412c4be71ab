"""Is a short review damaged? Three things that need no judgement and no network.

- **doubled**: a word twice ("awful awful", "bad and bad"), or two marks where one belongs (".." or ",.").
- **unknown**: a word that is in no review of the generator that the models learned reviews from, and not in the prompt.
- **form**: something else than sentences: each begins with a capital letter or a digit and ends in one of `.!?`.

A text that passes may still be nonsense ("I star."): this counts debris, not style.
"""

import re
from random import Random

from examples.train_tiny.phrases import SEEN, UNSEEN
from examples.train_tiny.reviews import review_to_judge, review_to_write
from examples.train_tiny.values import Values

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_DOUBLED = re.compile(r"\b([^\W\d_]+)\W+(?:and\W+)?\1\b", re.IGNORECASE)
_MARKS = re.compile(r"[.,!?;:]{2,}")
_SENTENCES = re.compile(r"[A-Z0-9][^.!?]*[.!?](?: [A-Z0-9][^.!?]*[.!?])*")


def words_of(text: str) -> set[str]:
    """The words of a text, in lower case."""
    return {word.lower() for word in _WORD.findall(text)}


def lexicon(texts: int = 3000, seed: int = 5) -> frozenset[str]:
    """The words of so many generated reviews, to write and to judge, seen phrasings and unseen."""
    rng, found = Random(seed), set()
    for n in range(texts):
        split, values = (SEEN, UNSEEN)[n % 2], Values(rng, n % 3 == 0)
        found |= words_of(review_to_write(rng, values, split).answer) | words_of(
            review_to_judge(rng, values, split).text
        )
    return frozenset(found)


def damage(text: str, prompt: str, known: frozenset[str]) -> tuple[str, ...]:
    """What is wrong with it: some of "doubled", "unknown", "form"; nothing if nothing is."""
    wrong = []
    if _DOUBLED.search(text) or _MARKS.search(text):
        wrong.append("doubled")
    if words_of(text) - known - words_of(prompt):
        wrong.append("unknown")
    if not _SENTENCES.fullmatch(text):
        wrong.append("form")
    return tuple(wrong)
