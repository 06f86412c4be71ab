"""The bench decodes as a plain loop does, and measures every method; the model in the box is what its card says."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM

import ctrldiff as cd
from ctrldiff.errors import ModelError
from ctrldiff.models.hf import Loaded, load, resolve
from examples.orders.methods import PACED
from examples.orders.searches import FREE, OWN_SEARCHED, SEARCHED
from examples.puzzles import bench
from examples.puzzles.bench import FORM, FORMED, Solved, answers, attends, held_out, paces, solve, table, work
from examples.puzzles.tasks import TASKS
from examples.train_tiny.tokenizer import BOS, MASK

FOLDER = resolve("puzzles")
# Least share of 16 held-out problems one position a pass, far below what the card says.
LEAST = {"copy": 0.9, "addition": 0.9, "sudoku 4x4": 0.8, "sudoku 6x6": 0.7, "shuffle": 0.8, "brackets": 0.8}


@pytest.fixture(scope="module")
def model() -> Loaded:
    return load(FOLDER)


# ---- the model in the box


def test_it_is_small_and_kept_in_two_bytes_and_run_in_four(model):
    weights = load_file(FOLDER / "model.safetensors")
    assert sum(one.numel() for one in weights.values()) <= 1_000_000
    assert {one.dtype for one in weights.values()} == {torch.bfloat16}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 2_000_000
    assert next(model.denoiser.network.module.parameters()).dtype == torch.float32


@pytest.fixture(scope="module")
def eager() -> Loaded:
    """The same, with its attention."""
    return load(FOLDER, attn_implementation="eager")


def measured(model: Loaded, name: str, method: str, told: int, count: int) -> Solved:
    return solve(model, Solved(model.digest, name, method, told, count, 0.0))


@torch.no_grad()
def test_its_logits_are_those_of_transformers(model):
    ids = torch.tensor([[BOS, *model.plain_ids("244751+755238"), 5, *[MASK] * 7]])
    theirs = AutoModelForMaskedLM.from_pretrained(FOLDER, dtype=torch.float32).eval()(ids).logits
    torch.testing.assert_close(model.denoiser.network(ids), theirs, atol=1e-3, rtol=1e-3)


def test_it_answers_at_the_front_door():
    once = cd.from_pretrained("puzzles")("=udlkwtns", cd.Regex("[a-z]{8}"))
    assert once.raw == "udlkwtns"
    with pytest.raises(ModelError) as error:
        cd.from_pretrained("puzzle")
    assert '"puzzles"' in error.value.hint


@pytest.mark.parametrize("name", LEAST)
def test_it_solves_most_one_at_a_time(model, name):
    told = measured(model, name, "confidence", TASKS[name].length, 16)
    assert told.passes == TASKS[name].length and told.solved >= LEAST[name]


def test_orders_cannot_be_written_at_once(model):
    told = measured(model, "shuffle", "confidence", 1, 16)
    assert told.passes == 1 and told.solved <= 0.25


# ---- the bench


@torch.no_grad()
def plainly(network: torch.nn.Module, prompts: list[list[int]], length: int, count: int) -> torch.Tensor:
    """So many of the surest open positions a pass, greedily: without ctrldiff. (B, T) ids."""
    ids = torch.tensor([[*prompt, *[MASK] * length] for prompt in prompts])
    start = len(prompts[0])
    while (ids == MASK).any():
        logits = network(ids).logits[:, start:]
        logits[..., :2], logits[..., 3:6], logits[..., 262:] = (float("-inf"),) * 3  # no text holds these
        sure, best = logits.softmax(-1).max(-1)
        sure[ids[:, start:] != MASK] = -1
        chosen = sure.topk(count, dim=1).indices
        ids[:, start:].scatter_(1, chosen, best.gather(1, chosen))
    return ids[:, start:]


@pytest.mark.parametrize("name, told", [("addition", 7), ("brackets", 4), ("countdown", 1)])
def test_answers_are_those_of_a_plain_loop(model, name, told):
    task = TASKS[name]
    problems = held_out(task, 8)
    network = AutoModelForMaskedLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    prompts = [[BOS, *model.plain_ids(one.text), 5] for one in problems]
    ids = plainly(network, prompts, task.length, task.length // told)
    plain = [model.denoiser.vocabulary.decode(row).decode() for row in ids.tolist()]
    texts, done = answers(model, task, problems, PACED["confidence"](told, 0.0))
    assert sum(one != other for one, other in zip(texts, plain, strict=True)) <= 1  # ties in the last bit
    assert done.passes.tolist() == done.canvases.tolist() == [told] * 8
    random, _ = answers(model, task, problems, PACED["at random"](told, 0.0))
    assert random != plain or name != "brackets"  # the wrong variant; a sum is the same in any order


def test_with_its_whole_form_nothing_goes_wrong(model):
    for name in ("shuffle", "brackets"):
        assert TASKS[name].complete
        told = measured(model, name, "confidence" + FORM, 1, 4)
        assert told.solved == 1 and told.passes == 1


@pytest.mark.parametrize("method", [*PACED, *SEARCHED, *FREE])
def test_every_method_runs(model, eager, method):
    asked = Solved(model.digest, "copy", method, 0 if method in FREE else 4, 2, 0.0)
    told = solve(eager if attends(asked) else model, asked)
    assert 0 <= told.solved <= 1 and told.canvases >= told.passes >= 1


def test_rates_have_as_many_passes_as_positions_and_others_no_more_than_sixteen():
    assert paces(36, every=True) == [1, 4, 8, 16, 36] and paces(36, every=False) == [1, 4, 8, 16]
    assert paces(16, every=False) == [1, 4, 8, 16] and paces(5, every=False) == [1, 4, 5]
    told = list(work(TASKS["sudoku 6x6"]))
    assert {name for name, _ in told} == {*PACED, *SEARCHED, *FREE, *(name + FORM for name in FORMED)}
    assert ("confidence", 36) in told and ("rdm", 36) not in told and ("klass", 0) in told
    assert ("dVoting", 8) in told and ("dVoting", 16) not in told and {*OWN_SEARCHED} <= {*FREE}


def test_the_table_and_the_command(tmp_path, monkeypatch, capsys):
    figures = [("a", 1, 0.5, 1.0, 1.0), ("a", 4, 0.9, 4.0, 20.0), ("b", 0, 0.8, 3.25, 3.25)]
    rows = [Solved("w", "t", method, told, 100, 0.0, *found) for method, told, *found in figures]
    lines = table(rows).splitlines()
    assert lines[0] == "| solved % at so many passes | t (1/4) |" and lines[2] == "| a | 50/90 (4.0; 20.0) |"
    assert lines[4] == "| solved % (passes; canvases) | t |" and lines[6] == "| b | 80 (3.2) |"
    assert "errors up to 5.0 points" in lines[-1]

    out = tmp_path / "figures.jsonl"
    command = ["bench", "--tasks", "copy", "--methods", "confidence;eb .1 nats", "--problems", "2", "--out", str(out)]
    monkeypatch.setattr("sys.argv", command)
    bench.main()
    first = out.read_text()
    found = [json.loads(line) for line in first.splitlines()]
    assert [(one["method"], one["told"]) for one in found] == [
        ("confidence", 1),
        ("confidence", 4),
        ("confidence", 8),
        ("eb .1 nats", 0),
    ]
    bench.main()
    assert out.read_text() == first  # what is there is not measured again
    other = first.replace(found[0]["weights"], "other")
    out.write_text(other)
    bench.main()
    assert out.read_text() == other + first  # but of these weights
    assert "| confidence |" in capsys.readouterr().out
