"""Our loop writes what published loops write, token for token, with and without a cache (`make_loops.py`)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from ctrldiff.models.caches.drive import drive
from ctrldiff.models.hf import load
from ctrldiff.sampling.commit import Threshold, TopK
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.state import State
from tests.models.plain_transformer import draw
from tests.models.published.cases import cases
from tests.models.tiny_checkpoints import STOP, save_checkpoint

KEPT = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "loops").glob("*.json")}
CASES = {str(case).lower(): case for case in cases()}
WHOLE = 20  # positions of prompt and answer


def commit(how):
    """A published loop's choice, by ours."""
    threshold = how.get("threshold", how.get("confidence_threshold"))
    if threshold is not None:
        return Threshold(threshold)
    return TopK(by="position" if how["remasking_strategy"] == "sequential" else "confidence")


def upto_the_end(tokens):
    """The tokens, the first end of a text included: what comes behind it is read by nobody."""
    return tokens[: tokens.index(STOP) + 1] if STOP in tokens else tokens


@pytest.mark.parametrize("name", KEPT)
@pytest.mark.parametrize("seed", (1, 2, 3))
def test_our_loop_writes_what_the_published_one_does(name, seed, tmp_path):
    case, kept = CASES[name], KEPT[name]
    folder = save_checkpoint(tmp_path / name, case.config, case.published(draw(case.sizes, seed=seed)))
    loaded = load(folder, dtype="float32", **case.spec)
    lengths = [WHOLE - len(prompt) for prompt in kept["prompts"]]
    start = State.blank(kept["prompts"], max(lengths), lengths=lengths, pad_id=STOP)
    runs = [run for run in kept["runs"] if run["weights"] == seed]
    assert runs
    for cache, ahead in (("none", None), ("prefix", None), ("prefix", 1), ("prefix", 0)):
        spec = replace(loaded.spec, cache=cache, ahead=ahead)
        denoiser = drive(loaded.denoiser.network, spec, loaded.denoiser.vocabulary)
        for run in runs:
            schedule = Blocks(loaded.spec.block_length, aligned=True)
            done = sample(denoiser, start, schedule=schedule, commit=commit(run["how"]))
            for row, theirs in enumerate(run["tokens"]):
                ours = done.tokens[row, : lengths[row]].tolist()
                assert upto_the_end(ours) == upto_the_end(theirs), (cache, ahead, run["how"], row)
