"""Held-out reviews to judge, as lines for `ctrldiff calibrate`.

    python -m examples.train_tiny.judgements --split unseen --count 300 --out reviews.jsonl
    ctrldiff calibrate reviews.jsonl --svg reviews.svg

The products are held out from training; "unseen" reviews also use phrasings that training never saw.
"""

import argparse
import json
from itertools import islice
from pathlib import Path

from examples.compare.measure import SEED
from examples.train_tiny.mixture import stream


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("seen", "unseen"), default="unseen")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    bare = (one for one in stream(SEED, True, given.split, "judge") if one.pairs[0][0] == "")
    with given.out.open("w", encoding="utf-8") as sink:
        for one in islice(bare, given.count):
            line = {"text": one.text, "label": one.answer, "labels": one.ask.split("|")}
            sink.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
