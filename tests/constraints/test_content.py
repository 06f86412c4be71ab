"""What texts say and how long they are, against plain counting: every short text over letters that matter, and random
longer ones."""

import random
import re
from itertools import pairwise, product

import pytest

from ctrldiff.constraints import blocking
from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.constraints.blocking import DynamicBlocking
from ctrldiff.constraints.content import Avoids, Contains
from ctrldiff.constraints.length import CLOSERS, STOPS, WIDE_STOPS, Length
from ctrldiff.constraints.template import Template
from ctrldiff.errors import ConstraintError, ConstraintTooLarge
from ctrldiff.limits import Limits

SHORT = [n for n in range(6) for n in map("".join, product("ab .", repeat=n))]


def longer(letters, count, seed):
    rng = random.Random(seed)
    return ["".join(rng.choices(letters, k=rng.randint(4, 14))) for _ in range(count)]


def is_word(char, ascii=False):
    return re.fullmatch(r"\w", char, re.ASCII if ascii else 0) is not None


def places(text, matches, words=True, ascii=False):
    """At how many places an occurrence ends: tried for every beginning and end."""
    found = 0
    for end in range(1, len(text) + 1):
        for start in range(end):
            part = text[start:end]
            cut = (start > 0 and is_word(text[start - 1], ascii) and is_word(part[0], ascii)) or (
                end < len(text) and is_word(text[end], ascii) and is_word(part[-1], ascii)
            )
            if matches(part) and not (words and cut):
                found += 1
                break
    return found


def one_of(*words):
    return lambda part: part in words


def fits(pattern, flags=0):
    return lambda part: re.fullmatch(pattern, part, flags) is not None


CONTAINED = [
    (Contains("ab"), one_of("ab"), {}, 1, None),
    (Contains(["a", "bb"], 2), one_of("a", "bb"), {}, 2, None),
    (Contains("ab", words=False), one_of("ab"), {"words": False}, 1, None),
    (Contains(["a", "ab"], 1, 2, words=False), one_of("a", "ab"), {"words": False}, 1, 2),
    (Contains("aa", 0, 1, words=False), one_of("aa"), {"words": False}, 0, 1),
    (Contains("b a"), one_of("b a"), {}, 1, None),
    (Contains(["a.", ".b"], 1, 1), one_of("a.", ".b"), {}, 1, 1),
    (Contains(" ", 2, 3), one_of(" "), {}, 2, 3),
    (Contains(Regex("a+b?"), 1, 2), fits("a+b?"), {}, 1, 2),
    (Contains([Regex("a*"), "b."], 2, words=False), lambda p: set(p) == {"a"} or p == "b.", {"words": False}, 2, None),
    (Contains(Choice(["a b", "b"]) | Regex(r"\.\.")), one_of("a b", "b", ".."), {}, 1, None),
    (Avoids("a"), one_of("a"), {}, 0, 0),
    (Avoids(["ab", Regex("b. ?")], words=False), lambda p: p == "ab" or fits("b. ?")(p), {"words": False}, 0, 0),
    (Avoids(Regex(r"[ab]\.")), fits(r"[ab]\."), {}, 0, 0),
]


@pytest.mark.parametrize(
    ("constraint", "matches", "how", "low", "high"), CONTAINED, ids=[str(one[0]) for one in CONTAINED]
)
def test_things_come_as_often_as_plain_counting_says(constraint, matches, how, low, high):
    language = constraint.dfa()
    for text in SHORT + longer("aab .", 60, 1):
        count = places(text, matches, **how)
        assert (text in language) == (low <= count and (high is None or count <= high)), (text, count)


def test_counting_every_occurrence_from_its_start_would_be_noticed():
    language = Contains(Regex("a+b?"), 1, 2).dfa()
    begins = {text: sum(bool(re.match(r"a+b?(?!\w)", text[n:])) for n in range(len(text))) for text in SHORT}
    assert any((text in language) != (1 <= count <= 2) for text, count in begins.items())


def test_words_are_those_of_unicode_or_of_ascii_alone():
    letters = "éaÉ –_1"
    for ascii in (False, True):
        language = Contains("a", 1, 1, ascii=ascii).dfa()
        assert all(
            (text in language) == (places(text, one_of("a"), ascii=ascii) == 1) for text in longer(letters, 80, 2)
        )
    assert "éa" in Contains("a", ascii=True) and "éa" not in Contains("a")


def test_case_is_ignored_where_asked():
    assert "so ÉTÉ it is" in Contains("été", ignore_case=True)
    assert "so ÉTÉ it is" not in Contains("été") and "so ÉTÉ it is" not in Avoids("Été", ignore_case=True)


def test_all_of_several_is_an_intersection_and_any_of_them_a_list():
    both, either = Contains("a") & Contains("b"), Contains(["a", "b"])
    assert "b. a" in both and "a" not in both and "a" in either and "ab" not in either


def sentences(text):
    """Sentences, read from left to right."""
    count, open_, ended = 0, False, ""  # ended: the stop, white space behind it or not
    for char in text:
        if char.isspace():
            ended = " " if ended else ""
            open_ = open_ and not ended
        elif not open_ or (ended == "。" and char not in WIDE_STOPS + CLOSERS):
            count, open_, ended = count + 1, True, ""
        if char in WIDE_STOPS:
            ended = "。"
        elif char in STOPS:
            ended = "."
        elif not char.isspace() and char not in CLOSERS:
            ended = ""
    return count


MEASURES = {
    "characters": len,
    "words": lambda text: len(re.findall(r"\w+", text)),
    "sentences": sentences,
}
BOUNDS = [0, 2, (1, 3), (2, None), (0, 1)]


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_lengths_are_what_plain_counting_says(name, bounds):
    language = Length(**{name: bounds}).dfa()
    low, high = bounds if isinstance(bounds, tuple) else (bounds, bounds)
    for text in SHORT + longer('aé. !"。\n—', 150, 3):
        count = MEASURES[name](text)
        assert (text in language) == (low <= count and (high is None or count <= high)), (text, count)


def test_sentences_end_as_the_page_says():
    said = {
        "": 0,
        " \n": 0,
        "No end": 1,
        "One. Two! Three?": 3,
        'He said "no." Then he went.': 2,
        "It costs 3.50 today.": 1,
        "Wait... what?!": 2,
        "Dr. Who": 2,
        "一。二！三": 3,
        "「一。」二": 2,
    }
    for text, count in said.items():
        assert sentences(text) == count and text in Length(sentences=count), text


def test_counting_white_space_would_be_noticed():
    language = Length(words=2).dfa()
    assert any((text in language) != (len(text.split()) == 2) for text in SHORT)


def test_they_intersect_with_anything():
    wanted = Regex("[a-z .]*") & Contains("cat", 1, 1) & Avoids("dog") & Length(words=(2, 3), characters=(0, 12))
    texts = [" ".join(one) for n in range(5) for one in product(("cat", "dog", "a"), repeat=n)]
    for text in texts:
        words = text.split()
        good = words.count("cat") == 1 and "dog" not in words and len(words) in (2, 3) and len(text) <= 12
        assert (text in wanted) == good
    letter = Template("Dear {name}, {rest}", name=Regex("[A-Z][a-z]+"), rest=Contains("thanks") & Length(words=(1, 3)))
    assert "Dear Ann, many thanks" in letter and "Dear Ann, thank you" not in letter


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_no_word_is_followed_by_its_successor_in_the_source(share):
    source = "a b, a a: c! B c"
    for seed in range(3):
        blocking = DynamicBlocking(source, share=share, seed=seed)
        language, pairs = blocking.dfa(), set(blocking.pairs)
        assert pairs <= {("a", "b"), ("b", "a"), ("a", "a"), ("a", "c"), ("c", "b"), ("b", "c")}
        assert len(pairs) == (0 if share == 0 else 6 if share == 1 else len(pairs))
        for text in [*SHORT[:400], *longer("aabBcC ., ", 120, seed)]:
            words = re.findall(r"\w+", text.lower())
            assert (text in language) == (not pairs & set(pairwise(words))), text


def test_another_rule_of_blocking_would_be_noticed():
    exact = DynamicBlocking("a b", share=1.0)
    assert "b a" in exact and "a . b" not in exact and "ab" in exact
    assert "A B" not in exact and "A B" in DynamicBlocking("a b", share=1.0, ignore_case=False)
    source = " ".join(f"w{n}" for n in range(400))
    assert 160 < len(DynamicBlocking(source).pairs) < 240
    assert DynamicBlocking(source).pairs != DynamicBlocking(source, seed=1).pairs


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Contains([]),
        lambda: Contains(""),
        lambda: Contains(3),
        lambda: Contains(["a", 3]),
        lambda: Contains("a", 0),
        lambda: Contains("a", 2, 1),
        lambda: Contains("a", -1),
        lambda: Contains("a", True),
        lambda: Contains("a", None),
        lambda: Contains(Regex("a"), ignore_case=True),
        lambda: Avoids([]),
        lambda: Length(),
        lambda: Length(words=(3, 2)),
        lambda: Length(words="3"),
        lambda: Length(words=(1, 2, 3)),
        lambda: Length(tokens=-1),
        lambda: DynamicBlocking(3),
        lambda: DynamicBlocking([1, "a"]),
        lambda: DynamicBlocking("a b", share=1.5),
        lambda: DynamicBlocking("a b", seed=-1),
    ],
    ids=[str(n) for n in range(20)],
)
def test_what_says_nothing_is_refused(wrong):
    with pytest.raises(ConstraintError):
        wrong()


def test_a_bound_that_counts_too_far_is_refused_with_a_way_out():
    with pytest.raises(ConstraintTooLarge, match="ascii=True") as error:
        Length(words=(1, 10_000)).dfa()
    assert error.value.what == "states that count"
    assert Length(words=(1, 30), ascii=True).dfa(Limits(max_states=2_000)).n_states < 300


def test_a_source_that_is_too_long_is_refused_before_anything_is_built(monkeypatch):
    source = " ".join(f"w{n}x" for n in range(20_000))
    monkeypatch.setattr(blocking, "in_any_case", lambda *_: pytest.fail("a pair is built"))
    with pytest.raises(ConstraintTooLarge, match="a shorter source") as error:
        DynamicBlocking(source).dfa()
    assert error.value.used > error.value.limit


@pytest.mark.parametrize("ascii", [False, True])
def test_only_what_would_be_too_large_is_refused_beforehand(monkeypatch, ascii):
    few = DynamicBlocking("a bee C a, bee d", share=1.0, ascii=ascii)
    with pytest.raises(ConstraintTooLarge) as error:
        few.dfa(Limits(max_nfa_states=400 if not ascii else 10))
    bound = error.value.used
    monkeypatch.setattr(blocking, "unrolled", lambda *_: 0)
    with pytest.raises(ConstraintTooLarge, match="before determinising"):
        few.dfa(Limits(max_nfa_states=bound - 1))
