"""The stream of examples: what share of each task, and how the evaluation sets are drawn."""

from random import Random

from examples.train_tiny.arithmetic import sum_to_do, word_problem
from examples.train_tiny.documents import Composer
from examples.train_tiny.kinds import KINDS
from examples.train_tiny.phrases import SEEN
from examples.train_tiny.questions import Asker, Example
from examples.train_tiny.reviews import review_to_judge, review_to_write
from examples.train_tiny.sheets import sheet
from examples.train_tiny.values import Values

KIND_WEIGHTS = (30, 20, 17, 17, 16)  # invoice, order, contact, event, bio
# By examples; sums are short, a quarter of a document, and so is their share of the tokens: 6 %.
SHARES = (("object", 50), ("bare", 5), ("judge", 2), ("problem", 15), ("sum", 23), ("review", 5))
SHEET_SHARE = 0.11  # of the documents


def document_example(rng: Random, values: Values, split: str = SEEN, bare: bool = False) -> Example:
    """A question about one document."""
    while True:
        if rng.random() < SHEET_SHARE:
            document = sheet(rng, values, split)
        else:
            document = Composer(rng.choices(KINDS, KIND_WEIGHTS)[0], rng, values, split).document()
        if document.text and (document.stated or rng.random() < 0.05):
            asker = Asker(document, rng)
            return asker.ask_one() if bare else asker.ask()


TASKS = {
    "object": document_example,
    "bare": lambda rng, values, split: document_example(rng, values, split, bare=True),
    "judge": review_to_judge,
    "problem": word_problem,
    "sum": sum_to_do,
    "review": review_to_write,
}


def example(rng: Random, values: Values, split: str = SEEN, task: str | None = None) -> Example:
    """One example; the same `rng` state gives the same example in every process."""
    name = task or rng.choices([name for name, _ in SHARES], [share for _, share in SHARES])[0]
    return TASKS[name](rng, values, split)


def stream(seed: int, held_out: bool | None = False, split: str = SEEN, task: str | None = None):
    """An endless stream. Training: held_out False, split seen. Evaluation: held_out True, either split."""
    rng = Random(seed)
    values = Values(rng, held_out)
    while True:
        yield example(rng, values, split, task)
