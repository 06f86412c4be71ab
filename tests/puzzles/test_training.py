"""Batches hold what they say, the network is transformers', and a run that was stopped learns what it would have."""

import argparse
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
import torch

from examples.puzzles import train
from examples.puzzles.batches import ALL_OPEN, LATER, PREFIX, SHARES, TAIL, TURN, batch, ids, masks
from examples.puzzles.network import CONTEXT, byte_tokenizer, puzzle_config
from examples.puzzles.tasks import TASKS
from examples.train_tiny.network import TrainingForward, make_model
from examples.train_tiny.tokenizer import ANSWER, BOS, EOS, MASK, Encoder


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(byte_tokenizer())


def test_ids_are_those_of_the_tokenizer(encoder):
    signs = "".join(map(chr, range(ord("!"), 127)))
    assert ids(signs) == encoder(signs) and encoder.decode(ids(signs)) == signs
    assert encoder.decode(encoder("é\n")) == "é\n" and encoder.tokenizer.get_vocab_size() == 262


def test_every_batch_is_of_problems_to_train_on_with_some_of_the_answer_hidden(encoder):
    seen = set()
    for number in range(60):
        one = batch(5, number, 512)
        task = TASKS[one.task]
        seen.add(one.task)
        assert (one.tokens.reshape(-1)[one.rows] == MASK).all() and (one.tokens == MASK).sum() == len(one.rows)
        whole = one.tokens.reshape(-1).copy()
        whole[one.rows] = one.targets
        assert one.tokens.shape[1] + TAIL <= CONTEXT and abs(one.tokens.size - 512) <= one.tokens.shape[1]
        for row in whole.reshape(one.tokens.shape).tolist():
            at = row.index(ANSWER)
            text, answer = encoder.decode(row[1:at]), encoder.decode(row[at + 1 :])
            assert row[0] == BOS and row[at + 1 + task.length :] == [EOS] * (len(row) - at - 1 - task.length)
            assert task.judge(text, answer) and not task.held_out(text)
    assert seen == set(SHARES) == set(LATER) == set(TASKS)


def test_the_seed_and_the_number_settle_a_batch():
    for mine, same in zip(astuple(batch(5, 7, 512)), astuple(batch(5, 7, 512)), strict=True):
        assert np.array_equal(mine, same)
    assert not all(np.array_equal(a, b) for a, b in zip(astuple(batch(5, 7, 512)), astuple(batch(5, 8, 512))))
    assert not all(np.array_equal(a, b) for a, b in zip(astuple(batch(5, 7, 512)), astuple(batch(6, 7, 512))))


def test_the_tasks_that_were_behind_get_more():
    later = [batch(5, TURN + number, 64).task for number in range(300)]
    for name, share in LATER.items():
        assert abs(later.count(name) / 300 - share / sum(LATER.values())) < 0.08


def test_masks_are_all_or_a_rest_or_at_random():
    told = masks(np.random.default_rng(1), 4000, 10)
    assert told.any(axis=1).all()
    rests = (told == np.maximum.accumulate(told, axis=1)).all(axis=1)
    assert abs(told.all(axis=1).mean() - (ALL_OPEN + PREFIX / 10 + (1 - ALL_OPEN - PREFIX) / 11)) < 0.03
    assert rests.mean() > ALL_OPEN + PREFIX - 0.03
    assert (told[~rests].mean(axis=0).max() - told[~rests].mean(axis=0).min()) < 0.25


def test_the_training_forward_equals_that_of_transformers_and_is_small():
    torch.manual_seed(0)
    model = make_model(puzzle_config()).eval()
    assert sum(one.numel() for one in model.parameters()) <= 1_000_000
    one = batch(3, 1, 400)
    tokens, rows = torch.from_numpy(one.tokens), torch.from_numpy(one.rows)
    with torch.no_grad():
        theirs = model(tokens).logits.flatten(0, 1)[rows]
        torch.testing.assert_close(TrainingForward(model, CONTEXT)(tokens, rows), theirs, atol=1e-4, rtol=1e-4)


def options(folder: Path, *more: str) -> argparse.Namespace:
    return train.arguments().parse_args(["--out", str(folder), "--batch-tokens", "200", "--eager", *more])


def test_a_run_that_was_stopped_sees_and_learns_what_it_would_have(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "LOG_STEPS", 2)
    train.Run(options(tmp_path / "whole", "--steps", "6")).go()

    stopped = train.Run(options(tmp_path / "parts", "--steps", "6"))
    for number in range(3):
        stopped.train_step(batch(18, number, 200))
        if stopped.step == 2:
            stopped.log()
    stopped.save()
    (tmp_path / "parts" / "curve.csv").open("a").write("4,later,lines,are,forgotten\n")
    train.Run(options(tmp_path / "parts", "--steps", "6")).go()

    whole, parts = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["model"] for name in ("whole", "parts")
    )
    for name, weight in whole.items():
        torch.testing.assert_close(weight, parts[name], atol=1e-5, rtol=1e-3)
    lines = [(tmp_path / name / "curve.csv").read_text().splitlines() for name in ("whole", "parts")]
    assert [[line.split(",")[0] for line in one] for one in lines] == [["step", "2", "4", "6"]] * 2

    once = make_model(puzzle_config())  # the wrong variant: one that starts anew would be told
    assert not torch.allclose(whole["decoder.bias"], once.state_dict()["decoder.bias"], atol=1e-5)


def test_the_rate_rises_stays_and_falls_to_nothing(tmp_path):
    run = train.Run(options(tmp_path, "--steps", "1000"))
    rates = []
    for run.step in (0, train.WARM_UP_STEPS, 399, 700, 1000):
        rates.append(run.rate() / train.PEAK)
    assert rates == pytest.approx([1 / train.WARM_UP_STEPS, 1, 1, 0.5, 0])
    run = train.Run(options(tmp_path, "--minutes", "10"))
    run.step, run.spent_s = 500, 60 * 7.0
    assert run.rate() / train.PEAK == pytest.approx(0.5)
    run.spent_s = 60 * 11.0
    assert run.rate() == 0 and run.gone() > 1
