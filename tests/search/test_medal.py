"""MEDAL's tree search, restated in plain words: the same canvases visited, the same answer, the same passes."""

import math

import pytest

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.models.callable import PlainTokenizer
from ctrldiff.models.hf import Loaded
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.schedules import Linear
from ctrldiff.search.medal import Medal
from tests.conftest import prompt, spec, toy
from tests.sampling.loops.net import OPEN, Asked, best, entropies, opened
from tests.sampling.together import run_of, start

LENGTHS = (6, 6, 5)
SEARCH = Medal(prefixes=2, length=2, actions=4, each=2, rounds=40)
CASES = {
    "found": SEARCH,
    "deep, three at a position": Medal(prefixes=3, length=4, actions=5, each=3, rounds=60, explore=0.3),
    "the rounds are over": Medal(prefixes=3, length=5, actions=3, each=1, rounds=6, gamma=4.0),
    "the tree is over": Medal(prefixes=9, length=1, actions=3, each=1, rounds=30),
}


class Tree:
    """A node: tokens, its depth, and what is below."""

    def __init__(self, canvas, above=None):
        self.canvas, self.above, self.below, self.rewards = canvas, above, [], []
        self.depth = above.depth + 1 if above else 0
        self.over = False


def visit(net, row, node, search, whole, seen, wrong):
    """Edges, and the reward of the likeliest completion."""
    filled = node.canvas
    if left := opened(node.canvas, range(len(node.canvas))):
        log_probs = net(prompt(row), node.canvas)
        if not whole:
            whole.append(float(entropies(log_probs)[left].sum()))
        filled = [int(log_probs[t].argmax()) if t in left else token for t, token in enumerate(node.canvas)]
        edges = []
        for t in left if node.depth < search.length else ():
            p = sorted(((float(x), -v) for v, x in enumerate(log_probs[t].exp())), reverse=True)
            sure = math.exp(-float(entropies(log_probs)[t])) if wrong != "without entropy" else 1.0
            sure /= 1 + math.exp(-search.gamma * (p[0][0] - p[1][0]))
            edges += [(-x * sure, t, rank, -v) for rank, (x, v) in enumerate(p[: search.each])]
        for _, t, _, v in sorted(edges)[: search.actions]:
            canvas = [v if at == t else token for at, token in enumerate(node.canvas)]
            if tuple(canvas) not in seen:
                seen.add(tuple(canvas))
                node.below.append(Tree(canvas, node))
    reward = 1 - float(entropies(net(prompt(row), filled)).sum()) / whole[0]
    while node:
        node.rewards.append(reward)
        node.over = all(one.over for one in node.below)
        node = node.above


def searched(seed, row, length, search, wrong=""):
    """The decodes, the answer and the passes.

    wrong: one of three variants, in which actions do not look at entropy, edges are gone down by their mean alone, or
    the first prefix is the answer.
    """
    net, root = Asked(seed), Tree([OPEN] * length)
    found, visited, whole, seen = [], [], [], set()
    for _ in range(search.rounds):
        if root.over or len(found) == search.prefixes:
            break
        node = root
        while node.rewards:
            live = [one for one in node.below if not one.over]
            n = len(node.rewards)
            c = 0.0 if wrong == "no bound" else search.explore
            node = next(
                (one for one in live if not one.rewards),
                max(
                    live,
                    key=lambda one: (
                        (sum(one.rewards) / len(one.rewards) + c * math.sqrt(math.log(n) / len(one.rewards)))
                        if one.rewards
                        else 0.0
                    ),
                ),
            )
        visit(net, row, node, search, whole, seen, wrong)
        visited.append(node)
        if node.depth == search.length or OPEN not in node.canvas:
            found.append(node)
    rest = [one for one in visited if one not in found]
    rest.sort(key=lambda one: (-one.depth, -sum(one.rewards) / len(one.rewards)))
    decodes = []
    for node in (found + rest)[: search.prefixes]:
        canvas = list(node.canvas)
        while left := opened(canvas, range(length)):
            sure, tokens = net(prompt(row), canvas).exp().max(dim=-1)
            t = best(sure, left)[0]
            canvas[t] = int(tokens[t])
        decodes.append((canvas, 1 - float(entropies(net(prompt(row), canvas)).sum()) / whole[0]))
    answer = decodes[0] if wrong == "the first" else max(decodes, key=lambda one: one[1])
    return [one for one, _ in decodes], answer[0], net.passes


def ours(seeds, search):
    state = start(seeds, LENGTHS)
    plan = Plan().but(schedule=Linear(), commit=TopK(), constrain=Plan.searching().constrain, processors=())
    found = search(run_of(plan, state.shape[0]), state)
    out = []
    for row, length in enumerate(LENGTHS * len(seeds)):
        canvases = found.state.tokens.unflatten(0, (-1, search.prefixes))[row, :, :length].tolist()
        answer = found.state.tokens[found.chosen[row], :length].tolist()
        out.append((canvases[: round(found.ess[row])], answer, int(found.forwards[row])))
    return out


def agree(seeds, case, wrong=""):
    return ours(seeds, CASES[case]) == [
        searched(seed, row, n, CASES[case], wrong) for seed in seeds for row, n in enumerate(LENGTHS)
    ]


@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 20), marks=pytest.mark.slow)], ids=len)
@pytest.mark.parametrize("case", CASES)
def test_it_is_the_search_in_plain_words(case, seeds):
    assert agree(seeds, case)


@pytest.mark.parametrize("wrong", ["without entropy", "no bound", "the first"])
def test_a_wrong_search_is_told_apart(wrong):
    assert not agree(range(3), "deep, three at a position", wrong)


def test_rows_of_one_batch_may_have_as_many_beginnings_as_they_have():
    toys = cd.Model(Loaded("toy", toy(), PlainTokenizer(lambda text: [ord(c) % 10 for c in text]), spec("mask")))
    kinds = [cd.Regex("a|b1"), cd.Regex("[ab0-9-]{1,5}"), cd.Regex("ab")]
    asked = [cd.Request("ab"[: 1 + n % 2], kind, max_new_tokens=6) for n, kind in enumerate(kinds)]
    together, alone = (
        [(one.raw, one.usage.forwards, one.ess) for one in toys.decode(asked, search=Medal(8, 2), batch_size=size)]
        for size in (3, 1)
    )
    assert together == alone and len({ess for *_, ess in alone}) == 3


def test_the_front_door_takes_it():
    tiny, code = cd.from_pretrained("tiny"), cd.Regex("[A-Z]{2}-[0-9]{4}")
    result = tiny("The code is AB-1234.", code, search=cd.search.Medal(2, 3, rounds=12))
    assert result.raw in code and result.reward == max(one.reward for one in result.candidates)
    for wrong in ({"prefixes": 0}, {"length": 0}, {"actions": 0}, {"each": 0}, {"gamma": -1.0}, {"rounds": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            Medal(**wrong)
