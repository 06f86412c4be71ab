"""The bench of orders: its networks are right, and it tells rules apart that are known to be right or wrong."""

from itertools import product
from math import log

import pytest
import torch

import ctrldiff as cd
from ctrldiff.protocols import GuideContext
from ctrldiff.sampling.loop import Loop
from ctrldiff.search.run import Run, draws
from examples.orders import bench, curve
from examples.orders.counted import TEXT, Counted, cost, decoded
from examples.orders.measure import Drawn, draw, fair, measure, read, to_uniform
from examples.orders.puzzles import PUZZLES, Exact
from examples.orders.searches import FORCED, FREE, OWN_SEARCHED, PACED, SEARCHED, TOLD, alike, decoder


def test_the_puzzles_have_as_many_strings_as_counting_says():
    counts = {name: len(set(puzzle())) for name, puzzle in PUZZLES.items()}
    assert counts == {"sudoku": 288, "shuffle of 6": 720, "shuffle of 4": 24, "one of 8 words": 8}


@pytest.mark.parametrize("blur", [0.0, 0.5])
def test_the_network_is_the_mean_of_what_agrees(blur):
    strings = ["aab", "aba", "bbb", "bba"]
    network = Exact(strings, blur)
    told = network(torch.tensor([[network.mask, 1, network.mask]])).exp()[0]
    agreeing, share = [one for one in strings if one[1] == "b"], blur * 2 / 3
    for t in range(3):
        for v, letter in enumerate("ab"):
            own = sum(one[t] == letter for one in agreeing) / len(agreeing)
            prior = sum(one[t] == letter for one in strings) / len(strings)
            assert float(told[t, v]) == pytest.approx((1 - share) * own + share * prior, abs=1e-6)
    assert told[:, 2:].sum() == 0


def entropy(shares) -> float:
    return -sum(share * log(share) for share in shares if share > 0)


@pytest.mark.parametrize("blur", [0.0, 0.5])
def test_attention_is_what_positions_tell_of_each_other(blur):
    strings = ["aab", "aba", "bbb", "bba"]
    network = Exact(strings, blur)
    shown = [network.mask, 1, network.mask]
    logits, told = network.attended(torch.tensor([shown]))
    assert torch.equal(logits, network(torch.tensor([shown])))
    agreeing = [one for one in strings if one[1] == "b"]
    doubt = blur * 2 / 3
    law = {one: (1 - doubt) * (one in agreeing) / len(agreeing) + doubt / len(strings) for one in strings}

    def share(pairs: dict[int, str]) -> float:
        return sum(p for one, p in law.items() if all(one[at] == letter for at, letter in pairs.items()))

    def shared(i: int, j: int) -> float:
        """H(i) + H(j) - H(i, j), and H(i) where they are one."""
        both = [share({i: a, j: b}) for a, b in product("ab", repeat=2) if i != j or a == b]
        return sum(entropy([share({at: letter}) for letter in "ab"]) for at in (i, j)) - entropy(both)

    for i in range(3):
        row = [shared(i, j) for j in range(3)]
        whole = sum(row) or 1.0
        assert told[0, i].tolist() == pytest.approx([one / whole for one in row], abs=1e-6)


# ---- what a decode costs


def test_passes_are_calls_and_canvases_what_they_hold():
    network = Exact(PUZZLES["shuffle of 4"]())
    counted = Counted.of(network.denoiser(), 2)
    state = cd.State.blank([[]] * 2, 4).remember(**{TEXT: torch.tensor([0, 1])})
    state = counted.noise(state)
    counted(state)
    both = cd.State.concat([state, state])  # a call with two canvases of each text
    done = both.write(torch.tensor([[True] * 4, *[[False] * 4] * 3]), both.tokens * 0)  # one of which is complete
    counted(done)
    assert counted.passes.tolist() == [2, 2] and counted.canvases.tolist() == [2, 3]
    assert cost(2.0, 2.0) == "2.0" and cost(2.0, 3.25) == "2.0; 3.2"


@pytest.mark.parametrize("name", [*TOLD, *FREE, *FORCED])
def test_every_method_runs_and_canvases_are_those_that_the_library_counts(name):
    """Counted where the network is asked, against what the loops and searches say of themselves."""
    strings = PUZZLES["one of 8 words"]()
    network = Exact(strings, 0.5)
    plan, search = decoder(name, 4, network.length, 1.0)
    denoiser = network.denoiser(attention=plan.attends)
    state = cd.State.blank([[]] * 4, network.length, seed=list(range(4)))
    tables = (cd.Choice(strings).compile(denoiser.vocabulary),) * 4 if name in FORCED else ()
    found = decoded(denoiser, plan, state, tables, search)
    assert bool((found.canvases >= found.passes).all()) and bool((found.passes >= 1).all())
    if search is None:
        constraint = plan.constrain(cd.constrain.Tables(tables) if tables else cd.constrain.Free())
        done = Loop(denoiser, plan, constraint).run(state)
        assert torch.equal(done.tokens, found.tokens) and torch.equal(done.forwards, found.canvases)
    else:
        assert found.canvases.tolist() == searched(denoiser, plan, search, state, tables).tolist()


def searched(denoiser, plan, search, state, tables) -> torch.Tensor:
    """(B,) canvases, as the search counts them."""
    rows = state.shape[0] * search.n
    tables = [table for table in tables for _ in range(search.n)]
    constraint = plan.constrain(cd.constrain.Tables(tuple(tables)) if tables else cd.constrain.Free())
    told = GuideContext(denoiser.vocabulary, denoiser, constraint, ("",) * rows, list, lambda *_: [], lambda *_: "")
    begun = state.fork(search.n) if draws(search) else state
    return search(Run(denoiser, plan, constraint, told), begun).forwards


# ---- what is measured


def test_one_a_pass_is_the_law_of_the_network_and_two_are_not():
    one = draw(Drawn("shuffle of 4", 0.0, "first_hitting", 0, 300))
    two = draw(Drawn("shuffle of 4", 0.0, "at random", 2, 300))
    assert one.legal == 1 and one.passes == 4 and one.distance < fair("shuffle of 4", 300) + 0.06
    # of two letters drawn together the second is another one in 3 of 4 cases; of the two that are left, in 1 of 2
    assert two.passes == two.canvases == 2 and abs(two.legal - 3 / 4 * 1 / 2) < 4 * two.error


def test_the_exact_constraint_is_legal_in_one_pass():
    told = draw(Drawn("sudoku", 0.5, "exact constraint", 1, 20))
    assert told.legal == 1 and told.passes == 1


def test_what_is_guessed_ahead_costs_canvases_and_saves_passes():
    plain = draw(Drawn("one of 8 words", 0.5, "threshold .9", 0, 20))
    ahead = draw(Drawn("one of 8 words", 0.5, "threshold .9, 3 guessed ahead", 0, 20))
    assert (ahead.legal, ahead.distance) == (plain.legal, plain.distance)
    assert ahead.passes < plain.passes < ahead.canvases


def test_distances_and_agreement():
    assert to_uniform(["a", "a"], ["a", "b"]) == 0.5 and to_uniform(["c"], ["a", "b"]) == 1.0
    assert to_uniform(["a", "b"], ["a", "b"]) == 0.0
    assert alike("abcd", "abdd") == 0.75 and alike("ab", "abcd") == 0.5 and alike("", "") == 0.0


def test_what_is_in_the_file_is_not_measured_again(tmp_path, monkeypatch, capsys):
    asked = [
        Drawn("shuffle of 4", 0.5, name, told, 6) for name, told in (("confidence", 1), ("confidence", 4), ("klass", 0))
    ]
    out = tmp_path / "figures.jsonl"
    rows = measure(asked[:2], out)
    first = out.read_text()
    assert measure(asked, out)[:2] == rows and out.read_text().startswith(first) and len(read(out)) == 3
    lines = curve.table(read(out)).splitlines()
    assert lines[0] == "| shuffle of 4, blurred: legal % (passes; canvases) | 1 | 4 |"
    assert lines[2] == f"| confidence | {rows[0].cell} | {rows[1].cell} |" and lines[4].startswith("klass ")
    assert list(curve.groups(rows)) == ["shuffle of 4, blurred"] and "confidence" in curve.drawing("orders", rows)

    monkeypatch.setattr(
        "sys.argv", ["curve", "--table", str(out), "--texts", "6", "--puzzles", "shuffle of 4", "--svg", str(tmp_path)]
    )
    curve.main()
    assert "6 texts each" in capsys.readouterr().out and (tmp_path / "shuffle_of_4_blurred.svg").exists()


def test_work_is_what_a_text_has_positions_for():
    asked = list(curve.work(["one of 8 words"], 0.5, 6))
    assert {one.told for one in asked} == {0, 1, 4, 8}
    assert len(asked) == 3 * (len(PACED) + len(SEARCHED) + 1) + len(FREE) and {*OWN_SEARCHED} < {*FREE}
    names = {one.method for one in bench.work(6, 0.5)}
    assert names == {*TOLD, *FREE, *FORCED}


def test_the_bench_s_table():
    rows = [
        Drawn("sudoku", 0.0, "confidence", 8, 10, 0.5, 8.0, 8.0, 0.9),
        Drawn("one of 8 words", 0.0, "confidence", 4, 10, 0.5, 4.0, 20.0, 0.25),
    ]
    lines = bench.table(rows).splitlines()
    assert lines[0] == "| legal % (passes; canvases) | sudoku | one of 8 words | its distance |"
    assert lines[2] == "| two a pass: confidence | 50 (8.0) | 50 (4.0; 20.0) | 0.25 |" and len(lines) == 5
    assert "errors up to 15.8 points" in lines[-1]
