"""Fields right on the second generation's own held-out documents: `python -m examples.train_tiny.second.measure MODEL`.

What a model knows of the text that it was made of; what that is worth elsewhere the real set says. The documents are
drawn from a seed that no training has, through the front door with its default plan.
"""

import argparse
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

import ctrldiff as cd
from examples.train_tiny.real.gold import Gold, Wanted
from examples.train_tiny.real.measure import Score, read
from examples.train_tiny.second import pools
from examples.train_tiny.second.asking import Example, schema_of
from examples.train_tiny.second.mixture import Source

SEED = 90_001


def documents(source: Source, task: str, count: int) -> list[Gold]:
    """Held-out questions whose every key is asked for, in the form of the real set."""
    found = (one for n in range(count) for one in source.chunk(n, task, 64))
    fits = (one for one in found if one.place is not None and not any(optional for _, optional, _ in one.place.keys))
    return [_gold(n, one) for n, one in enumerate(islice(fits, count))]


def _gold(number: int, one: Example) -> Gold:
    """The question with all keys nullable, so that what is not stated may be null as well as empty."""
    right, fields = json.loads(one.answer), []
    for key, _, place in one.place.keys:
        answers = (right[key],) if right[key] not in ("", []) else (right[key], None)
        fields.append(Wanted(key, schema_of(replace(place, nullable=False)), answers))
    return Gold(number, one.task, "", one.text, tuple(fields))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="the folder of a model")
    parser.add_argument("--pools", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=60)
    parser.add_argument("--task", default="extract", help='"extract", "letter", or the first generation\'s "object"')
    parser.add_argument("--show", action="store_true", help="print what is wrong")
    options = parser.parse_args()
    torch.set_num_threads(1)
    source = Source(pools.load(options.pools), SEED, held_out=True)
    score = Score()
    golds = documents(source, options.task, options.documents)
    read(cd.from_pretrained(options.model), golds, score, options.show)
    print(f"{options.task}: {len(golds)} held-out documents\n{score.report()}")


if __name__ == "__main__":
    main()
