"""Every family of diffusion transformers, from its published layout: rows equal a plain restatement of what it says."""

from pathlib import Path

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import MissingKeys, ModelError, UnexpectedKeys, UnknownArchitecture
from ctrldiff.models.dit.checkpoint import family_of, network_of, read_config
from ctrldiff.models.hf import load as load_folder
from ctrldiff.models.registry import recognise
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.edit import Reconsider
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Linear
from ctrldiff.state import State
from tests.models import dit_reference
from tests.models.published import dit as made
from tests.models.tiny_checkpoints import MASK, N_TOKENS, PAD, STOP, save_checkpoint

TOKENS, FOLDER = 10, Path("somewhere")
SIGMA = {
    "mdlm": lambda t: 0.0,
    "mdlm, told the time": lambda t: -np.log(1 - 0.999 * t),
    "bd3lm": lambda t: 0.0,
    "bd3lm, no levels": lambda t: 0.0,
    "sedd absorb": lambda t: -np.log(1 - 0.999 * t),
    "sedd uniform": lambda t: min(max(-np.log(1 - t), 0.01), 20) if t < 1 else 20,
    "duo": lambda t: -np.log(1 - 0.999 * t),
    "gidd": lambda t: min(t, 1 - 1e-4),
    "hdlm": lambda t: 0.0,
}


def load(name, tokens=TOKENS):
    return network_of(read_config(made.config(name, tokens)), made.published(name, tokens), FOLDER)


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def plain(name, ids, t, tokens=TOKENS):
    """(L, V) probabilities of the clean token, restated."""
    sigma = SIGMA[name](t)
    block = 4 if name.startswith("bd3lm") else None
    out = dit_reference.logits(made.weights(name, tokens), made.HEADS, ids, sigma, block)
    V = out.shape[1]
    if name == "gidd":
        for i, token in enumerate(ids):
            out[i, token] += 0.5
    if name == "sedd absorb":
        out = out - np.log(np.exp(sigma) - 1) - np.log(V - 1)  # the log-score
        clean = softmax(out[:, :tokens])
        return np.array([[*clean[i], 0.0] if x == tokens else np.eye(V)[x] for i, x in enumerate(ids)])
    if name == "sedd uniform":
        score = np.array([[1.0 if y == x else np.exp(out[i, y]) for y in range(V)] for i, x in enumerate(ids)])
        alpha = np.exp(-sigma)
        noisy = score / score.sum(axis=1, keepdims=True)  # p_t(y | rest)
        prior = np.maximum((noisy - (1 - alpha) / V) / alpha, 0)
        joint = prior * (np.eye(V)[ids] * alpha + (1 - alpha) / V)
        return joint / joint.sum(axis=1, keepdims=True)
    return softmax(out)


@pytest.mark.parametrize("t", [0.125, 0.5, 1.0])
@pytest.mark.parametrize("name", made.NAMES)
def test_rows_equal_the_restatement(name, t):
    network = load(name)
    mask = TOKENS if made.rows(name, TOKENS) > TOKENS else 3
    ids = [1, mask, 0, 7, mask, mask, 2, 9, mask]
    rows = network(torch.tensor([ids, ids[::-1]]), torch.tensor([t, 1.0 - t / 2]))
    assert np.allclose(rows[0].softmax(-1).numpy(), plain(name, ids, t), atol=1e-5)
    assert np.allclose(rows[1].softmax(-1).numpy(), plain(name, ids[::-1], 1.0 - t / 2), atol=1e-5)


def test_what_the_configs_say():
    read = {name: read_config(made.config(name, 50257)) for name in made.NAMES}
    assert [read[name].noise for name in made.NAMES] == ["mask"] * 5 + ["uniform"] * 2 + ["mask"] * 2
    assert read["mdlm"].mask_id == read["bd3lm"].mask_id == read["sedd absorb"].mask_id == read["hdlm"].mask_id == 50257
    assert read["duo"].mask_id is read["gidd"].mask_id is None
    assert read["bd3lm"].block_length == 4 and read["mdlm"].block_length is None
    assert {config.context for config in read.values()} == {made.LENGTH}
    no_blocks = read_config({**made.config("bd3lm", 9), "cross_attn": False})
    assert no_blocks.block_length is None, "trained without blocks"
    assert family_of({"model_type": "bert"}) is None


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("bd3lm", {"causal": True}, "autoregressive"),
        ("sedd absorb", {"graph": {"type": "star"}}, "star"),
        ("sedd absorb", {"noise": {"type": "cosine"}}, "cosine"),
        ("duo", {"n_heads": None}, "n_heads"),
        ("mdlm", {"model_type": "bert"}, "bert"),
        ("hdlm", {"annealing": {"sampling_method": "AR"}}, "autoregressive"),
        ("hdlm", {"model_type": "gamma_hybrid"}, "gamma_hybrid"),
    ],
)
def test_configs_we_cannot_drive_are_refused_by_name(name, change, says):
    with pytest.raises(ModelError, match=says):
        read_config({**made.config(name, TOKENS), **change})


def test_parameters_that_are_missing_left_over_or_of_another_shape_are_named():
    config, weights = read_config(made.config("mdlm", TOKENS)), made.published("mdlm", TOKENS)
    with pytest.raises(MissingKeys, match=r"blocks\.1\.mlp\.2\.bias"):
        fewer = {name: value for name, value in weights.items() if not name.endswith("1.mlp.2.bias")}
        network_of(config, fewer, FOLDER)
    with pytest.raises(UnexpectedKeys, match=r"blocks\.1\.extra"):
        network_of(config, {**weights, "backbone.blocks.1.extra": torch.zeros(1)}, FOLDER)
    with pytest.raises(MissingKeys, match=r"another shape(.|\n)*norm1"):
        network_of(config, {**weights, "backbone.blocks.0.norm1.weight": torch.zeros(3)}, FOLDER)
    with pytest.raises(MissingKeys, match="vocab_embed"):
        network_of(config, {}, FOLDER)


FAMILY = {
    "mdlm": "MDLM",
    "mdlm, told the time": "MDLM",
    "bd3lm": "BD3-LM",
    "bd3lm, no levels": "BD3-LM",
    "sedd absorb": "SEDD",
    "sedd uniform": "SEDD",
    "duo": "Duo",
    "gidd": "GIDD",
    "hdlm": "HDLM",
}
PROMPT, LENGTH = [72, 105, 33], 6


def folder_of(name, tmp_path):
    extra = {"mask_token_id": MASK, "architectures": ["GIDD"]} if name == "gidd" else {}
    config = {**made.config(name, N_TOKENS), **extra}
    return save_checkpoint(tmp_path / "model", config, made.published(name, N_TOKENS))


@pytest.mark.parametrize("name", made.NAMES)
def test_a_folder_as_published_is_recognised_loaded_and_decoded_from(name, tmp_path):
    loaded = load_folder(folder_of(name, tmp_path))
    spec = loaded.spec
    assert spec.family == FAMILY[name] and spec.context == made.LENGTH
    assert spec.mask_id == (None if spec.noise == "uniform" else MASK if name == "gidd" else N_TOKENS)
    assert spec.edits == (name in ("sedd uniform", "duo", "gidd", "hdlm"))
    denoiser = loaded.denoiser
    state = denoiser.noise(State.blank([PROMPT], LENGTH, written=torch.tensor([[-1, 65, -1, -1, -1, -1]])))
    rows = denoiser(state)[0]
    share = 5 / LENGTH
    ids = [*PROMPT, *state.tokens[0].tolist()]
    ids += [N_TOKENS] * (-len(ids) % spec.round_to)  # bd3lm: the last block is a whole one
    expected = plain(name, ids, share, N_TOKENS)[len(PROMPT) :][:LENGTH]
    written = [*range(256), STOP]
    ours = torch.where(state.open[0][:, None], rows, 0.0)[:, written].log_softmax(-1).exp().numpy()
    if (
        spec.noise == "uniform"
    ):  # what an open position holds is noise, and known to be: its evidence is taken out again
        alpha, V = np.exp(-SIGMA[name](share)), rows.shape[1]
        shown = alpha * np.eye(V)[state.tokens[0].numpy()] + (1 - alpha) / V
        expected = expected / shown
    kept = expected[:, written] / expected[:, written].sum(axis=1, keepdims=True)
    for i in range(LENGTH):
        if state.open[0, i]:
            assert np.allclose(ours[i], kept[i], atol=1e-5), "row i is the distribution of position i"
    assert torch.isneginf(rows[:, [MASK, PAD, *range(N_TOKENS, rows.shape[1])]]).all()
    done = sample(
        denoiser,
        State.blank([PROMPT, [70]], 12, seed=1),
        constraint=Tables.same(cd.Regex(r"\d{4}-\d\d").compile(denoiser.vocabulary), 2),
        edit=Reconsider(),
        schedule=Linear(4),
    )
    assert all(denoiser.vocabulary.decode(ids).decode() in cd.Regex(r"\d{4}-\d\d") for ids in done.tokens.tolist())


@pytest.mark.parametrize("name", ["bd3lm", "bd3lm, no levels"])
@pytest.mark.parametrize("ahead", [None, 1, 0])
def test_the_keys_of_finished_blocks_are_kept_and_change_no_logits(name, ahead, tmp_path):
    """Blocks in order, and one that is reopened."""
    folder = folder_of(name, tmp_path)
    assert load_folder(folder).spec.cache == "prefix"
    near, far = (load_folder(folder, **how).denoiser for how in ({"ahead": ahead}, {"cache": "none"}))
    state = State.blank([PROMPT, [70, 71, 72, 73, 74]], 9)
    for position in (0, 2, 1, 3, 4, 5, None, 0, 1, 2, 3, 4, 5, 6, 7):
        if position is None:
            state = State.blank(state.prompt, 9, written=torch.tensor([[66] + [-1] * 8] * 2))
        state = near.noise(state)
        ours, exact = near(state), far(state)
        for row in range(2):
            before = len(state.prompt[row]) + int(state.open[row].to(torch.uint8).argmax())
            end = 9 if ahead is None else (before // 4 + 1 + ahead) * 4 - len(state.prompt[row])
            seen = state.open[row, :end, None] & exact[row, :end].isfinite()
            assert torch.allclose(ours[row, :end][seen], exact[row, :end][seen], atol=1e-5), (position, row)
        if position is not None:
            state = state.write(torch.arange(9)[None] == position, torch.full((2, 9), 65 + position))
    assert near.forwarded < 15 * (12 + 16) * 0.8, "what all passes over everything forward, and fewer"


def test_what_is_told_the_time_keeps_no_keys(tmp_path):
    """They would be those of another time."""
    config = {**made.config("bd3lm", N_TOKENS), "time_conditioning": True}
    folder = save_checkpoint(tmp_path / "model", config, made.published("bd3lm", N_TOKENS))
    assert load_folder(folder).spec.cache == "none"
    with pytest.raises(ModelError, match="time"):
        load_folder(folder, cache="prefix")


def test_a_network_of_our_own_has_the_approximate_cache_too(tmp_path):
    denoiser = load_folder(folder_of("mdlm", tmp_path), cache="approximate", block_length=4).denoiser
    state = denoiser.noise(State.blank([PROMPT], 8))
    assert denoiser.error(state).worst < 1e-9, "a block that is masked is as it was"
    later = denoiser.noise(state.write(torch.arange(8)[None] == 1, torch.full((1, 8), 65)))
    assert 0 < denoiser.error(later).kl < 1


def test_a_gidd_of_the_second_generation_has_another_architecture_and_is_not_taken_for_one():
    with pytest.raises(UnknownArchitecture):
        recognise({"model_type": "gidd", "hidden_size": 8, "num_hidden_layers": 2, "noise_type": 0.0})
