"""How many positions an answer gets: a canvas whose end decided nothing, found by trying every longer text."""

import itertools

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.canvas import MOST, candidates, grown, lacking
from ctrldiff.errors import Infeasible
from tests.conftest import STOP, VOCABULARY, few


def lacking_by_trying(table, tokens, most=12):
    """The definition: over all prefixes of the text and all legal next tokens, the shortest whole canvas, less T."""
    text = list(itertools.takewhile(lambda token: token != STOP, tokens))
    worst = 0
    for cut in range(len(text) + 1):
        for token in range(table.size):
            if token == STOP:
                continue
            for length in range(cut + 1, most):
                written = np.full(length, -1, np.int64)
                written[: cut + 1] = [*text[:cut], token]
                try:
                    table.bind(np.zeros((length, table.size), np.float32), written)
                except Infeasible:
                    continue
                worst = max(worst, length - len(tokens))
                break
    return worst


PATTERNS = ["[ab]*", "a{2,4}", "a|b-{3}", "(a-)*b", "[0-9]{1,3}(-[0-9]{2})?", "19|20", "a(b(b(b)?)?)?"]


@pytest.mark.parametrize("pattern", few(PATTERNS, 3))
def test_what_is_lacking_is_what_the_longest_detour_needs(pattern):
    table = cd.Regex(pattern).compile(VOCABULARY)
    rng = np.random.default_rng(5)
    for length in range(max(1, table.shortest), table.shortest + 4):
        scores = rng.normal(size=(length, table.size)).astype(np.float32)
        for tokens in table.bind(scores).sample(4, seed=int(rng.integers(99))):
            assert max(0, lacking(table, tokens.tolist()).max()) == lacking_by_trying(table, tokens.tolist()), tokens


def test_a_text_that_can_only_end_lacks_nothing():
    table = cd.Regex("a{2}").compile(VOCABULARY)
    tokens = table.bind(np.zeros((2, table.size), np.float32)).map().tolist()
    assert lacking(table, tokens).max() <= 0


def test_a_canvas_grows_by_half_or_by_what_it_lacks_and_never_past_its_bounds():
    assert grown(48, 1, 48, 1000) == 72
    assert grown(48, 60, 48, 1000) == 108
    assert grown(48, 60, 48, 100) == 100
    assert grown(300, 60, 48, 1000) == MOST * 48
    assert grown(100, 5, 48, 100) == 100  # no room: as it was


TEXT, NUMBER = {"type": "string"}, {"type": "number"}


@pytest.mark.parametrize(
    "schema, open_values",
    [
        (TEXT, [(False, 60)]),
        ({"type": "integer"}, [(True, 60)]),
        ({"type": ["number", "null"]}, [(True, 60)]),
        ({"type": "boolean"}, []),
        ({"enum": ["a", "bcd"]}, [(False, 3)]),
        ({"type": "string", "maxLength": 7}, [(False, 7)]),
        ({"type": "array", "items": NUMBER}, [(True, 60)] * 3),
        ({"type": "object", "properties": {"a": TEXT, "n": NUMBER}, "required": ["a", "n"]}, [(False, 60), (True, 60)]),
        ({"type": "object", "properties": {"name": NUMBER}}, [(False, 8), (True, 60)]),
    ],
    ids=str,
)
def test_every_open_value_is_laid_out_for(schema, open_values):
    assert sorted(candidates(cd.JsonSchema(schema))) == sorted(open_values)


@pytest.mark.parametrize("depth", [5, 60])
def test_lists_within_lists_are_laid_out_for_without_end(depth):
    schema = NUMBER
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    assert 0 < len(candidates(cd.JsonSchema(schema))) <= 1_000
