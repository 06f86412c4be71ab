"""The generator: the same everywhere, honest about what is held out, and exact in its answers."""

import hashlib
import json
import subprocess
import sys
from itertools import islice, pairwise
from pathlib import Path
from random import Random

from examples.train_tiny.mixture import stream
from examples.train_tiny.phrases import SEEN, UNSEEN, choose, is_unseen
from examples.train_tiny.tokenizer import Encoder
from examples.train_tiny.values import Values, is_held_out

ROOT = Path(__file__).parents[2]
DIGEST = """
import hashlib
from itertools import islice; from examples.train_tiny.mixture import stream
print(hashlib.sha256("".join(map(repr, islice(stream(3), 60))).encode()).hexdigest())
"""


def test_the_same_seed_gives_the_same_examples_in_every_process():
    here = hashlib.sha256("".join(map(repr, islice(stream(3), 60))).encode()).hexdigest()
    for salt in ("1", "2"):
        command = [sys.executable, "-c", DIGEST]
        how = {"env": {"PYTHONHASHSEED": salt}, "cwd": ROOT, "check": True}
        there = subprocess.run(command, capture_output=True, text=True, **how)
        assert there.stdout.strip() == here


def test_an_object_answer_is_compact_json_in_the_order_asked():
    for one in islice(stream(11, task="object"), 300):
        assert one.answer == json.dumps(dict(one.pairs), ensure_ascii=False, separators=(",", ":"))
        assert json.loads(one.answer) == dict(one.pairs)


def test_strings_are_copied_from_the_text():
    for one in islice(stream(12, task="object"), 300):
        for (_, value), kind in zip(one.pairs, one.kinds, strict=True):
            if kind == "string":
                assert value in one.text


def test_between_a_tenth_and_a_quarter_of_the_fields_are_absent():
    kinds = [kind for one in islice(stream(13, task="object"), 800) for kind in one.kinds]
    assert 0.10 < kinds.count("null") / len(kinds) < 0.25


def test_training_values_and_held_out_values_do_not_meet():
    train, test = Values(Random(1), held_out=False), Values(Random(1), held_out=True)
    for make in ("first", "last", "city", "company"):
        assert not any(is_held_out(getattr(train, make)()) for _ in range(100))
        assert all(is_held_out(getattr(test, make)()) for _ in range(20))


def test_each_split_draws_only_its_own_phrasings():
    patterns = [f"(A|B|C|D) pattern {n} (x|y|z) {{}}." for n in range(40)]
    expanded = {split: {choose(patterns, Random(n), split) for n in range(150)} for split in (SEEN, UNSEEN)}
    assert expanded[SEEN] and expanded[UNSEEN] and not expanded[SEEN] & expanded[UNSEEN]
    assert choose(["one fixed text"], Random(0), UNSEEN) in (None, "one fixed text")
    assert (choose(["one fixed text"], Random(0), UNSEEN) is None) != is_unseen("one fixed text", "one fixed text")


def test_a_review_praises_or_blames_in_different_words():
    for one in islice(stream(14, task="review"), 300):
        words = one.answer.lower().replace(".", "").replace("!", "").split()
        assert all(left != right for left, right in pairwise(words)), one.answer


def test_text_survives_the_tokenizer(tokenizer):
    encode = Encoder(tokenizer)
    for text in ["", "  two\n\nlines\t<mask> é", *(one.text for one in islice(stream(15), 200))]:
        assert encode.decode(encode(text)) == text


def test_no_text_becomes_a_special_token(tokenizer):
    assert min(Encoder(tokenizer)("<mask><eos><pad><ask>")) > 5


def test_a_value_has_the_same_tokens_in_text_and_json(tokenizer):
    encode = Encoder(tokenizer)
    for one in islice(stream(16, task="object"), 200):
        for (_, value), kind in zip(one.pairs, one.kinds, strict=True):
            if kind == "string" and '"' not in value:
                ids, quoted = encode(value), encode(f'{{"key":"{value}","next":1}}')
                assert any(quoted[at : at + len(ids)] == ids for at in range(len(quoted)))
