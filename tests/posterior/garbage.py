"""Calls the public entrances to the kernels with garbage: `python -m tests.posterior.garbage SEED COUNT`.

Run in a process of its own, so that a crash is an answer. Prints every call that raised what is no CtrldiffError.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import ctrldiff as cd
from ctrldiff.automata.interop import from_fsm, from_index
from ctrldiff.engines.block import solve
from ctrldiff.errors import CtrldiffError
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.token_automaton import TokenAutomaton

WORDS = [b"a", b"b", b"ab", b"-", b"1", b"2", b"12", None]


def vocabulary(extra: int = 0) -> cd.Vocabulary:
    """A small one; with `extra` a larger one."""
    return cd.Vocabulary.from_tokens([*WORDS[:-1], *(b"x%d" % n for n in range(extra)), None], stop_ids=[7 + extra])


OPEN = torch.ones(4, dtype=torch.bool)


def replaced(vocabulary: cd.Vocabulary, **fields: Any) -> cd.Vocabulary:
    """Made by its raw constructor, with these fields."""
    own = {name: getattr(vocabulary, name) for name in ("data", "offsets", "written", "stop_ids", "pad_id")}
    return cd.Vocabulary(**{**own, **fields})


def lifted(vocabulary: cd.Vocabulary) -> Any:
    """Read by the kernels."""
    return cd.Regex("[ab]{1,3}").compile(vocabulary)


def garbage(rng: np.random.Generator, depth: int = 0) -> Any:
    """Something that nobody should pass: numbers out of range, arrays of other shapes and kinds, no arrays at all."""
    size = int(rng.integers(0, 9))
    choices: list[Callable[[], Any]] = [
        lambda: int(rng.integers(-3, 12)),
        lambda: int(rng.choice([-1, 10**7, 2**31, 2**40, -(2**40), 2**63 - 1])),
        lambda: float(rng.choice([2.5, np.nan, np.inf, -1.0, 1e300])),
        lambda: rng.choice(["a", "", "confidence"]).item(),
        lambda: None,
        lambda: True,
        lambda: rng.integers(-5, 12, size=size),
        lambda: rng.integers(-5, 12, size=(2, size)).astype(np.int32),
        lambda: rng.integers(-(2**40), 2**40, size=4),
        lambda: rng.normal(size=(4, 8)).astype(np.float32),
        lambda: rng.normal(size=(size, 8)).astype(np.float64),
        lambda: rng.normal(size=(2, 4, int(rng.integers(1, 12)))).astype(np.float32),
        lambda: np.full((4, 8), rng.choice([np.nan, np.inf, -np.inf, 1e30]), np.float32),
        lambda: rng.random(4) < 0.5,
        lambda: rng.integers(0, 8, size=4),
        lambda: np.array(["a", "b"]),
        lambda: [[1, 2], [3]],
        lambda: b"bytes",
        lambda: rng.integers(0, 3, size=256),
        lambda: (rng.random(4) < 0.5, rng.integers(-9, 9, size=(3, 3))),
    ]
    if depth < 1:
        choices.append(lambda: [garbage(rng, 1) for _ in range(int(rng.integers(0, 4)))])
        choices.append(lambda: {"x": garbage(rng, 1)})
    return choices[int(rng.integers(len(choices)))]()


def entrances(rng: np.random.Generator) -> list[tuple[str, Callable[..., Any], int]]:
    """(name, what is called, how many arguments)."""
    small, large = vocabulary(), vocabulary(50_000)
    table = cd.Regex("[ab]{2,5}(-[12]+)?").compile(small)
    other = cd.Regex("a").compile(small if rng.random() < 0.2 else large)
    weighted = cd.Prior.of(cd.Regex("a+"), 3.0).compile(cd.Regex("[ab]{2}"), small)
    heavier = cd.Prior.of(cd.Regex("a+"), 9.0).compile(cd.Regex("a[ab]"), small)
    scores = rng.normal(size=(4, 8)).astype(np.float32)
    posterior = (weighted if rng.random() < 0.3 else table).bind(scores)
    a = table.automaton
    arrays = {**a.arrays}

    def automaton(name: Any, value: Any) -> Any:
        field = list(arrays)[hash(str(name)) % len(arrays)]
        broken = {**arrays, field: value}
        made = TokenAutomaton(
            **broken, edge_weight=None, longest=a.longest, n_classes=a.n_classes, tail=a.tail, vocabulary=a.vocabulary
        )
        return Table(made, small).bind(scores).map()

    dfa = cd.Regex("ab*").dfa()
    return [
        ("bind", lambda x, y: table.bind(x, y).map(), 2),
        ("bind marginals", lambda x: table.bind(x).marginals(), 1),
        ("map", posterior.map, 1),
        ("sample", lambda n, seed: posterior.sample(n if not isinstance(n, int) or n < 1e4 else 3, seed=seed), 2),
        ("sample rngs", lambda rngs: posterior.sample(rngs=rngs), 1),
        ("clamp", lambda x, y: posterior.clamp(x, y).map(), 2),
        ("log_z_given", posterior.log_z_given, 2),
        ("feasible", posterior.feasible, 2),
        *((name, getattr(posterior, name), 1) for name in ("score", "confidence", "surprise", "local", "legal")),
        ("branch_probs", lambda: posterior.branch_probs({"x": other}), 0),
        ("branch_probs garbage", lambda x: posterior.branch_probs({"x": x}), 1),
        ("ahead", lambda state, after: table.ahead(state, after).bind(scores).map(), 2),
        ("start", lambda start: Table(a, small, start).bind(scores).map(), 1),
        ("walk", table.walk, 1),
        ("states", table.states, 1),
        ("forced", table.forced, 1),
        ("Dfa", lambda x, y, z: cd.Dfa(x, y, z) & dfa, 3),
        ("Dfa from_arrays", lambda x, y, z: cd.Dfa.from_arrays(x, y, z) | dfa, 3),
        ("Dfa table", lambda x: cd.Dfa(dfa.classes, x, dfa.accept) & dfa, 1),
        ("Dfa wild", lambda: cd.Dfa(dfa.classes, (dfa.table + 10**6).astype(np.int32), dfa.accept) & dfa, 0),
        ("TokenAutomaton", automaton, 2),
        ("Vocabulary", lambda x, y: cd.Vocabulary.from_tokens(x, y), 2),
        ("Vocabulary decode", small.decode, 1),
        ("Vocabulary raw", lambda x, y: lifted(replaced(small, data=x, offsets=y)), 2),
        ("Vocabulary written", lambda x: lifted(replaced(small, written=x)), 1),
        ("Vocabulary wild", lambda: lifted(replaced(small, offsets=small.offsets + 10**7)), 0),
        ("Vocabulary stops", lambda x, y: lifted(replaced(small, stop_ids=(x,), pad_id=y)), 2),
        ("other prior", lambda: weighted.bind(scores).branch_probs({"x": heavier}), 0),
        (
            "solve",
            lambda x, y, z: solve(table, x, torch.from_numpy(scores), torch.zeros(4, dtype=torch.int64), y, z),
            3,
        ),
        (
            "solve warm",
            lambda x: solve(
                table, 0, torch.from_numpy(scores), torch.zeros(4, dtype=torch.int64), OPEN, 6, temperature=x
            ),
            1,
        ),
        ("from_fsm", from_fsm, 1),
        ("from_index", lambda x: from_index(x, WORDS), 1),
    ]


def main() -> None:
    """Prints what was not typed; silence is good."""
    seed, count = map(int, sys.argv[1:])
    rng = np.random.default_rng(seed)
    names = entrances(rng)
    for n in range(count):
        if n % 50 == 0:
            names = entrances(rng)
        name, call, arguments = names[int(rng.integers(len(names)))]
        given = [garbage(rng) for _ in range(arguments)]
        print(f"now {name}", file=sys.stderr, flush=True)
        try:
            call(*given)
        except CtrldiffError:
            pass
        except Exception as error:
            print(f"{name}{given!r}: {type(error).__name__}: {error}"[:300].replace("\n", " "))


if __name__ == "__main__":
    main()
