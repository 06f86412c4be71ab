"""Values nobody believed in: where they stand in the text, and that little legal mass is what gives them away."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrldiff.doubt import NEGLIGIBLE, flags_of, with_null
from ctrldiff.json_schema.canonical import value_text
from ctrldiff.json_schema.places import places
from tests.conftest import VOCABULARY

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from([0.5, -1.25])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=9,
)


def leaves(value, where=""):
    """The definition: every scalar and every empty container, by its pointer."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{where}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list) and value:
        for n, inner in enumerate(value):
            yield from leaves(inner, f"{where}/{n}")
    else:
        yield where, value


@given(VALUES, st.sampled_from(["compact", "spaced", "pretty"]))
def test_every_value_is_found_where_it_stands(value, whitespace):
    raw = value_text(value, whitespace=whitespace)
    data = raw.encode()
    found = [(p.where, json.loads(data[p.start : p.end])) for p in places(raw)]
    assert found == list(leaves(value))


@given(VALUES.filter(lambda value: isinstance(value, dict) and value))
def test_null_takes_the_place_of_one_value_alone(value):
    raw = value_text(value)
    where = next(iter(leaves(value)))[0]
    assert dict(leaves(json.loads(with_null(raw, where)))) == {**dict(leaves(value)), where: None}


@pytest.mark.parametrize("mass, flagged", [(NEGLIGIBLE / 2, True), (NEGLIGIBLE * 2, False), (np.nan, False)])
def test_a_value_is_flagged_by_its_worst_position_and_no_other_is(mass, flagged):
    ids = {VOCABULARY[token]: token for token in range(len(VOCABULARY)) if VOCABULARY[token]}
    raw = "19"
    tokens = [ids[b"1"], ids[b"9"]]
    found = flags_of(raw, tokens, [1.0, mass], VOCABULARY, is_json=True)
    assert [one.where for one in found] == ([""] if flagged else [])
    assert not found or (found[0].text, found[0].legal) == ("19", pytest.approx(mass))


@pytest.mark.parametrize("marginal, flagged", [(0.98, True), (0.995, False), (np.nan, False)])
def test_a_value_is_flagged_if_the_end_of_the_steps_wrote_a_part_of_it_unsurely(marginal, flagged):
    ids = {VOCABULARY[token]: token for token in range(len(VOCABULARY)) if VOCABULARY[token]}
    tokens = [ids[b"1"], ids[b"9"]]
    found = flags_of("19", tokens, [1.0, 0.5], VOCABULARY, is_json=True, hurried=[np.nan, marginal])
    assert [(one.where, one.hurried, one.legal) for one in found] == ([("", marginal, 0.5)] if flagged else [])
    assert not found or found[0].doubt == "p 0.98 as the steps ran out"
    both = flags_of("19", tokens, [1e-5, 0.5], VOCABULARY, is_json=True, hurried=[np.nan, marginal])
    assert both[0].doubt.startswith("legal") and both[0].hurried == (marginal if flagged else None)
