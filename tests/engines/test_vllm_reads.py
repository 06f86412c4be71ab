"""Our loop on a server's reads, against the same loop on the model itself, and what a server may do wrong."""

import json
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.engines import vllm_reads
from ctrldiff.engines.completions import Server, ServerFailed
from ctrldiff.engines.vllm_reads import Known, Proven, Reads, Unproven, decode
from ctrldiff.errors import BudgetTooSmall, InputError
from ctrldiff.models.callable import CallableDenoiser, banned
from ctrldiff.sampling.commit import Threshold, TopK
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.state import State
from tests.cases import CONSTRAINTS, legal, table
from tests.conftest import SIZE, VOCABULARY, ToyNetwork, spec, toy
from tests.engines.reading import StandIn, served

NAMES = [name for name, description in CONSTRAINTS.items() if description is not None]
PROMPTS = [[1, 2, 3], [4], [5, 6]]


def direct(stand_in):
    """A transport without a socket."""

    def transport(url, body, headers, timeout_s):
        status, value = stand_in.answer(json.loads(body))
        return status, json.dumps(value).encode()

    return transport


def reads(stand_in, top=20, asks=16, **told):
    server = Server("http://nowhere", "toy", transport=direct(stand_in), wait_s=0, **told)
    return Reads(server, spec("uniform"), VOCABULARY, top, asks)


def local(seed, name, steps, commit):
    """The same loop on the model itself."""
    state = State.blank(PROMPTS, 8, seed=seed)
    constraint = Tables.same(table(name), len(PROMPTS))
    return sample(toy("uniform", seed), state, constraint=constraint, schedule=Linear(steps), commit=commit)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("top", [1, 3, 20])
def test_the_same_bytes_as_the_loop_on_the_model_itself(name, top, monkeypatch):
    monkeypatch.setattr(vllm_reads, "NAMED", 2)  # as few of 18 as 128 of 262,144 are
    for seed in range(4):
        ours = reads(StandIn(ToyNetwork(seed)), top)
        steps = [None, 1, 3][seed % 3]
        want = local(seed, name, steps, TopK("position"))
        got = decode(ours, PROMPTS, table(name), 8, steps=steps, seed=seed)
        assert [list(one.tokens) for one in got] == want.tokens.tolist()
        assert [one.forwards for one in got] == want.forwards.tolist()
        assert all(legal(name, one.raw) for one in got)
        assert ours.requests >= ours.steps >= ours.first
        assert top < 20 or ours.requests == ours.steps == ours.first  # all was read


@pytest.mark.parametrize("name", NAMES)
def test_a_best_text_is_the_best_of_all_and_a_confidence_is_a_lower_bound(name, monkeypatch):
    monkeypatch.setattr(vllm_reads, "NAMED", 1)
    exact = 0
    for seed in range(6):
        ours, state = reads(StandIn(ToyNetwork(seed)), 2), State.blank(PROMPTS, 8, seed=seed)
        state = ours.noise(state)
        proven = Proven(Tables.same(table(name), 3), ours).bind(ours(state), state)
        whole = Tables.same(table(name), 3).bind(toy("uniform", seed)(state), state)
        assert torch.equal(proven.map(), whole.map())
        bound, true = proven.confidence(proven.map()), whole.confidence(whole.map())
        assert bool((bound <= true + 1e-5).all())
        if bool((proven.short > -1e-6).all()):
            exact += 1
            np.testing.assert_allclose(bound, true, atol=1e-5)
            np.testing.assert_allclose(proven.marginals(), whole.marginals(), atol=1e-5)
        else:
            with pytest.raises(InputError, match="only the best text is known"):
                proven.marginals()
    assert exact < 6 or name in ("choice",)


@dataclass(frozen=True)
class CanvasByCanvas:
    """A denoiser that sees the prompt, finished canvases and the one it is at; behind it rows are flat."""

    whole: CallableDenoiser
    width: int

    def noise(self, state):
        return self.whole.noise(state)

    def observe(self, state, logits):
        return state

    def __call__(self, state):
        out = torch.zeros(*state.shape, SIZE)
        for row in (~state.done).nonzero()[:, 0].tolist():
            first = int(state.open[row].nonzero()[0]) // self.width * self.width
            seen = torch.cat([state.prompt[row], state.tokens[row, : first + self.width]])
            logits = self.whole.network(seen[None])[0, len(state.prompt[row]) + first :]
            out[row, first : first + self.width] = logits
        return banned(out, self.whole.spec)


@pytest.mark.parametrize("name", NAMES)
def test_a_long_answer_is_written_canvas_by_canvas(name, monkeypatch):
    monkeypatch.setattr(vllm_reads, "NAMED", 2)
    for seed, steps in ((0, None), (1, 4)):
        stand_in = StandIn(ToyNetwork(seed), served=3)
        ours = reads(stand_in, 3)
        ours.canvas_length = 3
        got = decode(ours, PROMPTS, table(name), 8, steps=steps, seed=seed)
        want = sample(
            CanvasByCanvas(toy("uniform", seed), 3),
            State.blank(PROMPTS, 8, seed=seed),
            constraint=Tables.same(table(name), 3),
            schedule=Blocks(3, steps),
            commit=TopK("position"),
        )
        assert [list(one.tokens) for one in got] == want.tokens.tolist()
        assert all(legal(name, one.raw) for one in got)
        if name == "regex":  # of seven characters: more than one canvas
            assert max(len(body["prompt"]) for body in stand_in.bodies) > max(map(len, PROMPTS))


def test_all_that_is_legal_read_makes_every_rule_that_of_the_model():
    for seed in range(4):
        for commit in (TopK(), Threshold(0.6), TopK("margin")):
            got = decode(reads(StandIn(ToyNetwork(seed))), PROMPTS, table("regex"), 8, seed=seed, commit=commit)
            assert [list(one.tokens) for one in got] == local(seed, "regex", None, commit).tokens.tolist()


def test_bounds_hold_at_every_moment_and_only_fall():
    rng = np.random.default_rng(3)
    for _ in range(50):
        true = torch.from_numpy(np.float32(4 * rng.normal(size=(3, 12)))).log_softmax(dim=-1)
        known = Known(3, 12)
        before = known.upper()
        for ranked in (True, False, False):
            ids = [row.topk(3).indices.tolist() for row in true] if ranked else [rng.permutation(12)[:4].tolist()] * 3
            known.learn([{i: float(true[t, i]) for i in ids[t]} for t in range(3)], ranked=ranked)
            assert bool((known.upper() >= true).all()) and bool((known.lower() <= true).all())
            assert bool((known.upper() <= before).all())
            assert bool((known.upper() == true)[~known.exact.isnan()].all())
            before = known.upper()


def test_what_cannot_be_proven_is_refused():
    stand_in = StandIn(ToyNetwork(1))
    with pytest.raises(Unproven, match="top=") as caught:
        decode(reads(stand_in, 1, asks=0), PROMPTS, table("regex"), 8)
    assert caught.value.positions and 0 <= caught.value.row < 3
    with pytest.raises(BudgetTooSmall):
        decode(reads(stand_in), PROMPTS, Regex("[ab]{9}"), 8)
    with pytest.raises(InputError, match="top=0"):
        reads(stand_in, 0)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({1: 3.5, 2: -1.0}, "logprobs-mode"),
        ({1: -0.1, 2: -0.2}, "logprobs-mode"),
        ({1: -0.1, 2: float("nan")}, "logprobs-mode"),
        ({1: -0.1, 999: -5.0}, "tokens beyond the 18"),
    ],
)
def test_numbers_that_are_no_log_probabilities_of_this_vocabulary_are_refused(row, says):
    rows = [{f"token_id:{token}": value for token, value in row.items()}] * 8
    answer = json.dumps({"choices": [{"logprobs": {"top_logprobs": rows}}]}).encode()
    server = Server("http://x", "toy", transport=lambda *_: (200, answer))
    with pytest.raises(ServerFailed, match=says):
        decode(Reads(server, spec("uniform"), VOCABULARY), [[1]], table("regex"), 8)


def test_over_a_socket_with_a_key_and_after_a_busy_moment():
    stand_in = StandIn(ToyNetwork(2))
    stand_in.fails = [503, 429]
    with served(stand_in) as url:
        ours = Reads(Server(url + "/", "toy", key="secret", wait_s=0.01), spec("uniform"), VOCABULARY, 3)
        got = decode(ours, [[1, 2]], table("alternatives"), 8, steps=2, seed=5)
    assert len(stand_in.bodies) == ours.requests + 2
    state = State.blank([[1, 2]], 8, seed=5)
    how = {"constraint": Tables.same(table("alternatives"), 1), "schedule": Linear(2), "commit": TopK("position")}
    assert list(got[0].tokens) == sample(toy("uniform", 2), state, **how).tokens[0].tolist()


def test_a_server_that_refuses_fails_or_is_not_there_is_a_typed_error():
    with pytest.raises(ServerFailed, match="greater than max allowed: 20") as caught:
        decode(reads(StandIn(ToyNetwork(0)), 21), PROMPTS[:1], table("regex"), 8)
    assert (caught.value.status, caught.value.tries) == (400, 1)
    with pytest.raises(ServerFailed, match="served canvas"):
        decode(reads(StandIn(ToyNetwork(0), served=4)), PROMPTS[:1], table("regex"), 8)
    down = StandIn(ToyNetwork(0))
    down.fails = [500] * 9
    with pytest.raises(ServerFailed, match="engine is busy") as caught:
        decode(reads(down), PROMPTS[:1], table("regex"), 8)
    assert (caught.value.status, caught.value.tries, len(down.bodies)) == (500, 3, 3)
    nobody = Server("http://127.0.0.1:9", "toy", retries=1, wait_s=0, timeout_s=2)
    with pytest.raises(ServerFailed, match="no answer") as caught:
        nobody.complete({})
    assert (caught.value.status, caught.value.tries) == (None, 2)


def test_an_answer_that_breaks_off_is_asked_for_again_and_named():
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            for _ in range(2):
                with listening.accept()[0] as one:
                    one.recv(1 << 16)
                    one.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")

        with ThreadPoolExecutor(1) as pool:
            pool.submit(answer)
            server = Server(f"http://127.0.0.1:{listening.getsockname()[1]}", "toy", retries=1, wait_s=0, timeout_s=9)
            with pytest.raises(ServerFailed, match="IncompleteRead") as caught:
                server.complete({})
    assert (caught.value.status, caught.value.tries) == (None, 2)


@pytest.mark.parametrize("how", [{"url": "8.8.8.8:80"}, {"url": "file:///etc/hosts"}, {"retries": -1}], ids=str)
def test_a_server_that_cannot_be_asked_is_refused(how):
    with pytest.raises(InputError, match=next(iter(how))):
        Server(**{"url": "http://x", "model": "toy", **how})


def test_a_server_that_takes_too_long_is_not_waited_for():
    def slow(url, body, headers, timeout_s):
        raise TimeoutError(f"timed out after {timeout_s}")

    with pytest.raises(ServerFailed, match=r"timed out after 0\.5"):
        Server("http://x", "toy", transport=slow, timeout_s=0.5, retries=0).complete({})


@pytest.mark.parametrize(
    "answer",
    [
        b"[]",
        b"<html>",
        b"{}",
        b'{"choices": []}',
        b'{"choices": [{"logprobs": null}]}',
        b'{"choices": [{"logprobs": {"top_logprobs": [{"a": -1.0}]}}]}',
        b'{"choices": [{"logprobs": {"top_logprobs": [{"token_id:1": -1.0}]}}]}',
        b'{"choices": [{"logprobs": {"top_logprobs": [null, null]}}]}',
    ],
)
def test_an_answer_that_is_no_read_is_a_typed_error(answer):
    server = Server("http://x", "toy", transport=lambda *_: (200, answer))
    with pytest.raises(ServerFailed):
        decode(Reads(server, spec("uniform"), VOCABULARY), [[1]], table("regex"), 8)
