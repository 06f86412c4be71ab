"""How probable bytes are is the sum over every string of tokens that spells them."""

import numpy as np
import pytest

from ctrldiff.errors import InputError
from ctrldiff.posterior.spelled import Onward
from ctrldiff.posterior.table import Table
from tests.oracles import weights_along, with_weights
from tests.posterior.cases import feasible_cases


def behind(case, string):
    """The bytes of a string behind what stands before its first open position, and whether the text is over."""
    first = next((t for t, token in enumerate(case.written) if token < 0), case.length)
    before = case.vocabulary.decode(string[:first])
    return case.vocabulary.decode(string)[len(before) :]


def unlike(texts, rng):
    """Some of the texts, their beginnings, and texts that are none."""
    whole = [texts[k] for k in rng.integers(len(texts), size=4)]
    return {*whole, *(one[: rng.integers(len(one) + 1)] for one in whole), b"", b"abc", b"cc"}


def leftmost_first(case, strings, plain, weighted):
    """The definition: the first open token by its own score and the mean factor of the weights behind it, then the
    strings that go on with it by their weights."""
    t = next((t for t, token in enumerate(case.written) if token < 0), None)
    if t is None:
        return weighted
    out, total = np.full(len(strings), -np.inf), -np.inf
    for token in np.unique(strings[:, t]):
        mine = strings[:, t] == token
        all_of_it = np.logaddexp.reduce(weighted[mine])
        if all_of_it > -np.inf:
            own = float(case.log_probs[t, token]) + all_of_it - np.logaddexp.reduce(plain[mine])
            out[mine] = own + weighted[mine] - all_of_it
            total = np.logaddexp(total, own)
    return out - total


@pytest.mark.parametrize("leftmost", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_bytes_weigh_what_all_their_spellings_do(weighted, leftmost):
    looked = 0
    for seed, case, table, truth in feasible_cases()[leftmost :: 19 if weighted else 11]:
        rng = np.random.default_rng(seed)
        weights = truth.weights
        if weighted:
            table = with_weights(table, rng)
            weights = weights + np.array([weights_along(table, string) for string in truth.strings])
        if leftmost:
            weights = leftmost_first(case, truth.strings, truth.weights, weights)
        p = np.exp(weights - np.logaddexp.reduce(weights))
        onward = Onward(table.bind(case.log_probs, case.written).rows[0], leftmost)
        texts = [behind(case, string) for string in truth.strings]
        t = int(np.argmax(case.written < 0))
        token = int(truth.strings[rng.integers(len(texts)), t])
        if seed % 3 == 0 and case.written[t] < 0 and case.vocabulary[token] is not None:  # one that may not be first
            onward = Onward(table.bind(case.log_probs, case.written).rows[0], leftmost, without=token)
            assert np.exp(onward.share) == pytest.approx(p[truth.strings[:, t] == token].sum(), abs=1e-4)
            p = np.where(truth.strings[:, t] == token, 0.0, p)
        for text in unlike(texts, rng):
            begins = np.array([one.startswith(text) for one in texts])
            for then in (None, b"", b"a", b"bc"):
                goes_on = np.array([then is None or one == text or one[len(text)] in then if b else False
                                    for one, b in zip(texts, begins)])  # fmt: skip
                assert np.exp(onward.log_prob(text, then)) == pytest.approx(p[goes_on].sum(), abs=1e-4), (seed, text)
                looked += 1
    assert looked > 500


def test_the_likeliest_values_are_found_first():
    for seed, case, table, truth in feasible_cases()[::9]:
        spelled, best = {}, {}  # what fills the canvas behind a text's end counts with its spelling
        for string, weight in zip(truth.strings.tolist(), truth.weights):
            stops = [t for t, token in enumerate(string) if token in case.vocabulary.stop_ids]
            key = tuple(string[: stops[0] + 1 if stops else None])
            spelled[key] = np.logaddexp(spelled.get(key, -np.inf), weight)
        for string, weight in spelled.items():
            text = behind(case, string)
            best[text] = max(best.get(text, -np.inf), weight)
        want = sorted(weight for weight in best.values() if weight > -np.inf)[::-1][:3]
        onward = Onward(table.bind(case.log_probs, case.written).rows[0])
        found = onward.values(b"", lambda text, over: len(text) if over else None, 3)
        assert len(found) == len(set(found)) == len(want), seed
        np.testing.assert_allclose([best[text] for text in found], want, atol=1e-4, err_msg=str(seed))


def test_what_has_no_vocabulary_is_refused():
    _, case, table, _ = feasible_cases()[0]
    bare = Table(table.automaton)
    with pytest.raises(InputError, match="vocabulary"):
        Onward(bare.bind(case.log_probs, case.written).rows[0])
