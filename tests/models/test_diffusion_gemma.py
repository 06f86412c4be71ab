"""DiffusionGemma, driven by our loop and by its own `generate`: a constraint holds on what is emitted."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.engines.transformers import ConstrainedLogits
from ctrldiff.errors import ModelError
from ctrldiff.generate import Model
from ctrldiff.models.diffusion_gemma import SELF
from ctrldiff.models.hf import load
from ctrldiff.sampling.commit import EntropyBound
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.edit import Reconsider
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.processors import Cooling
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.sampling.stop import Stable
from ctrldiff.state import State
from tests.conftest import few
from tests.models import tiny_checkpoints
from tests.models.tiny_gemma import BOS, CANVAS, EOS, PAD, PIECES, SIZE, SPEC, VOCABULARY, model, network
from tests.watching import watching

PROMPTS = [[BOS, 9, 10, 11], [BOS, 20], [BOS, 7, 7, 12]]


def pattern(rng: np.random.Generator) -> str:
    """A random regex whose shortest member is a few tokens long."""
    letters = [piece if piece.isalnum() or piece in " é" else f"\\{piece}" for piece in PIECES]

    def atom() -> str:
        picked = rng.choice(letters, size=int(rng.integers(1, 4)), replace=False).tolist()
        kind = int(rng.integers(4))
        if kind == 0:
            return picked[0]
        if kind == 1:
            return f"({'|'.join(picked)})"
        if kind == 2:
            return rf"\d{{{rng.integers(1, 3)},3}}"
        return f"({picked[0]}){{0,{rng.integers(1, 4)}}}"

    return "".join(atom() for _ in range(int(rng.integers(1, 5))))


def patterns(count: int, seed: int) -> list[cd.Regex]:
    rng = np.random.default_rng(seed)
    return [cd.Regex(pattern(rng)) for _ in range(count)]


def test_rows_are_those_of_the_native_class_with_prompt_canvas_and_what_it_said_before():
    state = model().noise(State.blank(PROMPTS, CANVAS, seed=3))
    first = model()(state)
    later = model().observe(state, first)
    second = model()(later)
    for row, prompt in enumerate(PROMPTS):
        ids, canvas = torch.tensor([prompt]), state.tokens[row : row + 1]
        with torch.inference_mode():
            plain = network()(input_ids=ids, decoder_input_ids=canvas).logits[0]
            told = network()(
                input_ids=ids, decoder_input_ids=canvas, self_conditioning_logits=first[row : row + 1]
            ).logits[0]
        written = [token for token in range(SIZE) if token not in SPEC.never_written]
        assert torch.allclose(first[row][:, written], plain[:, written], atol=1e-5)
        assert torch.allclose(second[row][:, written], told[:, written], atol=1e-5)
        assert torch.isneginf(first[row][:, list(SPEC.never_written)]).all()
    assert (first[..., EOS] - second[..., EOS]).abs().max() > 1e-3, "what it said before matters"


def test_finished_canvases_are_context_and_later_ones_are_not_looked_at():
    state = State.blank(PROMPTS[:1], 2 * CANVAS + 3, seed=3)
    early = torch.arange(state.shape[1])[None] < CANVAS
    state = model().noise(state.write(early, torch.full_like(state.tokens, 9)))
    rows = model()(state)
    ids = torch.tensor([[*PROMPTS[0], *[9] * CANVAS]])
    with torch.inference_mode():
        plain = network()(input_ids=ids, decoder_input_ids=state.tokens[:, CANVAS : 2 * CANVAS]).logits[0]
    assert torch.allclose(rows[0, CANVAS : 2 * CANVAS, 6:], plain[:, 6:], atol=1e-5)
    flat = torch.cat([rows[0, :CANVAS, 6:], rows[0, 2 * CANVAS :, 6:]])
    assert (flat == 0).all()


def test_a_canvas_begins_without_what_was_said_before_it():
    """Two rows, of which one is at its second canvas for the first time: as the class's own loop begins a canvas."""
    state = State.blank([PROMPTS[0], PROMPTS[0]], 2 * CANVAS, seed=3)
    at = torch.arange(state.shape[1])[None]
    state = model().noise(state)
    said = model()(state)
    early = (at < CANVAS) & torch.tensor([[True], [False]])
    state = model().noise(model().observe(state, said).write(early, torch.full_like(state.tokens, 9)))
    rows = model()(state)
    with torch.inference_mode():
        ids, canvas = torch.tensor([[*PROMPTS[0], *[9] * CANVAS]]), state.tokens[:1, CANVAS:]
        plain = network()(input_ids=ids, decoder_input_ids=canvas).logits[0]
        told = network()(
            input_ids=torch.tensor([PROMPTS[0]]),
            decoder_input_ids=state.tokens[1:, :CANVAS],
            self_conditioning_logits=said[1:, :CANVAS],
        ).logits[0]
    assert torch.allclose(rows[0, CANVAS:, 6:], plain[:, 6:], atol=1e-5)
    assert torch.allclose(rows[1, :CANVAS, 6:], told[:, 6:], atol=1e-5)
    # Both at the second, one of them for the second time.
    late = model().observe(state, rows)
    state = model().noise(late.write(at < CANVAS, torch.full_like(state.tokens, 9)))
    again = model()(state)
    with torch.inference_mode():
        ids, canvas = ids.expand(2, -1), state.tokens[:, CANVAS:]
        first = network()(input_ids=ids, decoder_input_ids=canvas, self_conditioning_logits=rows[:, CANVAS:]).logits
        plain = network()(input_ids=ids, decoder_input_ids=canvas).logits
    assert torch.allclose(again[0, CANVAS:, 6:], first[0, :, 6:], atol=1e-5)
    assert torch.allclose(again[1, CANVAS:, 6:], plain[1, :, 6:], atol=1e-5)


def test_what_it_said_goes_through_processors_and_stays_with_its_row():
    seen = []

    def watch(state, step):
        seen.append(state.memory[SELF].clone())

    how = {
        "processors": [Cooling(0.4, 0.8)],
        "schedule": Linear(3),
        "edit": Reconsider(),
        "observers": [watching(watch)],
    }
    start = State.blank(PROMPTS, CANVAS, seed=1)
    sample(model(), start, **how)
    assert len(seen) == 3 and seen[0].shape == (3, CANVAS, SIZE)
    first = model()(model().noise(start.snapshot()))
    assert torch.allclose(seen[0][..., 6:], first[..., 6:] / 0.8, atol=1e-5), "after the temperature, as it is used"
    assert not torch.equal(seen[0], seen[1])


def test_prompts_are_encoded_once_however_many_lengths_and_branches_there_are(monkeypatch):
    """Prompts of two lengths and a branch with another prompt: three encodings, whatever the number of steps."""
    encoder, calls = network().model.encoder, []
    plain = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda **how: calls.append(how["input_ids"].shape) or plain(**how))

    @dataclass(frozen=True)
    class Away:
        def branches(self, state, step):
            return [replace(state, prompt=tuple(torch.tensor([BOS]) for _ in state.prompt))]

        def combine(self, logits, branches, state, step):
            return logits + 0.5 * (logits - branches[0]).nan_to_num(nan=0.0)

    how = {"guides": [Away()], "schedule": Linear(4), "edit": Reconsider(), "commit": EntropyBound(0.01)}
    regex = cd.Regex(r"\d{3}-(ab|c){3}")
    state = sample(model(), State.blank(PROMPTS, CANVAS), constraint=Tables.same(regex.compile(VOCABULARY), 3), **how)
    assert all(VOCABULARY.decode(ids).decode() in regex for ids in state.tokens.tolist())
    assert int(state.forwards.max()) > 1 and sorted(calls) == [(1, 2), (2, 4), (3, 1)]


def test_an_empty_prompt_is_refused():
    with pytest.raises(ModelError, match="prompt"):
        model()(State.blank([[]], CANVAS))


@pytest.mark.parametrize(("draw", "count"), [(False, 60), (True, 60), pytest.param(False, 500, marks=pytest.mark.slow)])
def test_our_loop_emits_members_of_random_constraints_while_acceptance_is_revoked(draw, count):
    revoked = 0
    for start in range(0, count, 10):
        wanted = patterns(10, seed=start)
        held = []
        state = sample(
            model(),
            State.blank([PROMPTS[n % 3] for n in range(10)], CANVAS, seed=start),
            constraint=Tables(tuple(regex.compile(VOCABULARY) for regex in wanted)),
            processors=[Cooling()],
            schedule=Linear(4),
            edit=Reconsider(),
            commit=EntropyBound(0.1),
            stop=Stable(),
            observers=[watching(lambda state, step, held=held: held.append(state.written))],
            **({"propose": Draw()} if draw else {}),
        )
        revoked += sum(int(((a >= 0) & (a != b)).sum()) for a, b in pairwise(held))
        for regex, ids in zip(wanted, state.tokens.tolist(), strict=True):
            assert VOCABULARY.decode(ids).decode() in regex
    assert revoked > 0


def test_canvases_are_written_one_after_the_other():
    regex = cd.Regex(r"(\d{3}-){9}\d")
    state = sample(
        model(),
        State.blank(PROMPTS, 40, seed=2),
        constraint=Tables.same(regex.compile(VOCABULARY), 3),
        schedule=Blocks(CANVAS, steps=8),
        edit=Reconsider(block=CANVAS),
        commit=EntropyBound(0.1),
    )
    assert all(VOCABULARY.decode(ids).decode() in regex for ids in state.tokens.tolist())
    free = sample(model(), State.blank(PROMPTS, 20, seed=2), constraint=FREE, schedule=Blocks(CANVAS, steps=4))
    assert free.done.all()


def emitted(ids: list[int]) -> str:
    """The text of a row that `generate` returned: up to the first end, and nothing but padding behind it."""
    end = ids.index(EOS)
    assert set(ids[end + 1 :]) <= {PAD, EOS}
    return VOCABULARY.decode(ids[:end]).decode()


def generated(wanted: list[cd.Regex], keep: str, seed: int, canvases: int = 1) -> list[str]:
    from transformers import LogitsProcessorList

    rows = len(wanted)
    prompts = torch.tensor([[BOS, 6 + seed % 20, 9]] * rows)
    processor = ConstrainedLogits(
        [regex.compile(VOCABULARY) for regex in wanted], prompts.shape[1], canvases * CANVAS, keep=keep
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        out = network().generate(
            prompts,
            logits_processor=LogitsProcessorList([processor]),
            max_new_tokens=canvases * CANVAS,
            max_denoising_steps=3,
        )
    return [emitted([*row, EOS]) for row in out.sequences[:, prompts.shape[1] :].tolist()]


@pytest.mark.slow
@pytest.mark.parametrize("keep", few(["first", "only"], 1))
def test_its_own_generate_emits_members_of_500_random_constraints(keep):
    count = 500 if keep == "only" else 100
    for start in range(0, count, 50):
        wanted = patterns(50, seed=1000 + start)
        for regex, text in zip(wanted, generated(wanted, keep, start), strict=True):
            assert text in regex


def test_its_own_generate_over_several_canvases():
    wanted = [cd.Regex(r"(\d{3}-){9}\d"), cd.Regex(r"(ab|c){20,30}"), cd.Regex("a|b")]
    for regex, text in zip(wanted, generated(wanted, "only", 5, canvases=4), strict=True):
        assert text in regex


def test_a_folder_is_recognised_and_loaded_with_its_ties(tmp_path):
    made = network(tiny_checkpoints.ROWS)
    made.save_pretrained(tmp_path / "gemma")
    tiny_checkpoints.save_tokenizer(tmp_path / "gemma")
    ids = {"stop_ids": [tiny_checkpoints.STOP], "pad_id": tiny_checkpoints.PAD, "bos_id": tiny_checkpoints.BOS}
    loaded = load(tmp_path / "gemma", **ids)
    spec = loaded.spec
    assert (spec.family, spec.noise, spec.mask_id, spec.block_length) == ("DiffusionGemma", "uniform", None, CANVAS)
    assert spec.edits and spec.attention == "encoder_decoder"
    state = loaded.denoiser.noise(State.blank([[259, 65, 66]], CANVAS, seed=1))
    rows = loaded.denoiser(state)
    with torch.inference_mode():
        plain = made(input_ids=torch.tensor([[259, 65, 66]]), decoder_input_ids=state.tokens).logits
    assert torch.allclose(rows[..., :256], plain[..., :256], atol=1e-4)  # two passes, which round in their own ways
    result = Model(loaded)("Hello", cd.Regex("[ab]{3}"), steps=3, edit=Reconsider(), commit=EntropyBound(0.1))
    assert result.output in cd.Regex("[ab]{3}")


def test_a_field_with_logits_of_its_own_leaves_the_network_one_distribution_a_position(tmp_path):
    network(tiny_checkpoints.ROWS).save_pretrained(tmp_path / "gemma")
    tiny_checkpoints.save_tokenizer(tmp_path / "gemma")
    ids = {"stop_ids": [tiny_checkpoints.STOP], "pad_id": tiny_checkpoints.PAD, "bos_id": tiny_checkpoints.BOS}
    told = []
    schema = {"type": "object", "properties": {"a": {"enum": ["x", "y"]}}, "required": ["a"], "maxProperties": 1}
    result = Model(load(tmp_path / "gemma", **ids))(
        "Hello",
        schema,
        guidance=[cd.guide.on_field("a", cd.guide.Words(["y"], 3.0))],
        observers=[watching(lambda state, step: told.append(state.memory[SELF].shape))],
        steps=3,
    )
    assert result.output["a"] in ("x", "y")
    assert {one[-1] for one in told} == {tiny_checkpoints.ROWS}
