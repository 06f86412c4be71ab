"""Row i is about position i, what may not be written is at -inf, and folders that are no models say why."""

import json
import shutil

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError, ModelError, NoEndToken, ShapeError
from ctrldiff.models.callable import grouped, noise_share
from ctrldiff.models.hf import TINY, load
from ctrldiff.models.spec import ModelSpec
from ctrldiff.state import State

VOCABULARY = cd.Vocabulary.from_tokens([b"a", b"b", None, None, b"c", b"d"], stop_ids=[3])


def spec(**changes):
    return ModelSpec(**{"mask_id": 2, "stop_ids": (3,), "n_tokens": 5, "context": 32, **changes})


def tell(ids):
    """Logits that name the sequence position of their own row: 100 * row + token id."""
    place = 100.0 * torch.arange(ids.shape[1])[None, :, None]
    return place + torch.arange(6.0)[None, None, :].expand(*ids.shape, 6)


@pytest.mark.parametrize(("shift", "prompt"), [(0, [0, 1, 0]), (1, [0, 1, 0]), (1, [0])])
def test_row_i_is_about_position_i(shift, prompt):
    denoiser = cd.from_callable(tell, spec(logit_shift=shift), VOCABULARY)
    logits = denoiser(State.blank([prompt], 4))
    assert logits[0, :, 0].tolist() == [100.0 * (len(prompt) - shift + i) for i in range(4)]


def test_a_shifted_model_without_a_prompt_repeats_its_first_row():
    denoiser = cd.from_callable(tell, spec(logit_shift=1), VOCABULARY)
    assert denoiser(State.blank([[]], 3))[0, :, 0].tolist() == [0.0, 0.0, 100.0]


def test_mask_pad_bos_banned_and_tail_rows_never_win():
    denoiser = cd.from_callable(tell, spec(pad_id=1, banned_ids=(0,)), VOCABULARY)
    logits = denoiser(State.blank([[4]], 2))
    assert torch.isneginf(logits[0, 0]).tolist() == [True, True, True, False, False, True]


def test_the_network_sees_masks_and_a_tail_like_the_end_of_the_canvas():
    seen = []

    def network(ids):
        seen.append(ids)
        return tell(ids)

    denoiser = cd.from_callable(network, spec(round_to=4), VOCABULARY)
    written = torch.tensor([[-1, 4, -1], [-1, -1, -1], [-1, 4, 3]])
    denoiser(denoiser.noise(State.blank([[0, 1], [0], [0, 1]], 3, written=written)))
    by_length = {ids.shape[1]: ids.tolist() for ids in seen}
    assert by_length == {8: [[0, 1, 2, 4, 2, 2, 2, 2], [0, 1, 2, 4, 3, 3, 3, 3]], 4: [[0, 2, 2, 2]]}


def test_rows_of_equal_length_share_a_call_and_complete_rows_have_none():
    shapes = []

    def network(ids):
        shapes.append(tuple(ids.shape))
        return tell(ids)

    denoiser = cd.from_callable(network, spec(), VOCABULARY)
    written = torch.tensor([[-1, -1], [0, 1], [-1, 0]])
    denoiser(State.blank([[0], [0], [1]], 2, written=written))
    assert shapes == [(2, 3)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_the_network_gives_is_not_copied(dtype):
    """But for rows that differ in where their canvas begins; in the network's own floats then too."""
    given = []

    def network(ids):
        given.append(tell(ids).to(dtype))
        return given[-1]

    denoiser = cd.from_callable(network, spec(), VOCABULARY)
    logits = denoiser(State.blank([[0, 1, 4], [4, 4, 4]], 5))
    assert logits.data_ptr() == given[0][:, 3:].data_ptr() and logits.dtype == dtype
    assert logits[0, :, 0].tolist() == [100.0 * (3 + i) for i in range(5)] and torch.isneginf(logits[..., 2]).all()
    apart = denoiser(State.blank([[0, 1], [4, 4, 4]], 5))
    assert apart.dtype == dtype and apart[:, 0, 0].tolist() == [200.0, 300.0]


def test_logits_of_which_many_are_one_number_are_not_written_into():
    one = torch.zeros(6)
    logits = cd.from_callable(lambda ids: one.expand(*ids.shape, 6), spec(), VOCABULARY)(State.blank([[0]], 5))
    assert torch.isneginf(logits[..., 2]).all() and (one == 0).all()


def test_rows_of_nearly_equal_length_share_a_call_where_padding_is_masked():
    rows = {n: torch.zeros(length) for n, length in enumerate([100, 20, 97, 18])}
    assert grouped(rows, spec(padding="masked"), "cuda") == [[0, 2], [1, 3]]
    assert grouped(rows, spec(padding="masked"), "cpu") == grouped(rows, spec(), "cpu")  # padding costs what text does
    assert grouped(rows, spec(), "cuda") == [[n] for n in (0, 2, 1, 3)]


def test_uniform_noise_is_drawn_row_by_row_from_the_vocabulary():
    denoiser = cd.from_callable(tell, spec(noise="uniform", mask_id=None), VOCABULARY)
    both = denoiser.noise(State.blank([[0], [1]], 50, seed=1)).tokens
    alone = denoiser.noise(State.blank([[1]], 50, seed=1)).tokens
    assert torch.equal(both[1], alone[0]) and int(both.max()) < 5 and len(both.unique()) > 2


def test_a_network_that_returns_something_else_is_told_so():
    denoiser = cd.from_callable(lambda ids: torch.zeros(1, 2), spec(), VOCABULARY)
    with pytest.raises(ShapeError, match="one row of logits for every token"):
        denoiser(State.blank([[0]], 2))


def test_a_spec_says_what_it_lacks():
    with pytest.raises(ModelError, match="no mask token"):
        spec(mask_id=None)
    with pytest.raises(ModelError, match="no token ends"):
        spec(stop_ids=())
    with pytest.raises(ModelError, match="unknown spec fields"):
        ModelSpec.from_dict({"stop_ids": [1], "n_tokens": 2, "context": 3, "colour": "red"})
    with pytest.raises(ModelError, match="lacks"):
        ModelSpec.from_dict({"stop_ids": [1]})


# ---- folders


@pytest.fixture
def folder(tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(TINY, copy)
    return copy


def change(folder, **fields):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config.update(fields)
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}))


def test_a_copy_of_the_model_in_the_box_gives_the_same_logits(folder):
    ids = [3, 40, 41, 4, 5]
    state = State.blank([ids], 11)
    ours, copy = load(TINY), load(folder)
    logits = ours.denoiser(ours.denoiser.noise(state))
    assert torch.equal(logits, copy.denoiser(copy.denoiser.noise(state)))

    from transformers import AutoModelForMaskedLM

    network = AutoModelForMaskedLM.from_pretrained(TINY, dtype=torch.float32).eval()
    with torch.inference_mode():
        direct = network(input_ids=torch.tensor([ids + [1] * 11])).logits[0, 5:]
    allowed = torch.isfinite(logits[0, 0])
    assert torch.allclose(logits[0][:, allowed], direct[:, allowed], atol=1e-4)
    assert not allowed[[0, 1, 3, 4, 5]].any() and bool(allowed[2])


def test_every_part_of_a_folder_that_is_missing_is_named(folder):
    with pytest.raises(ModelError, match="is not a folder") as caught:
        load(folder.parent / "modle")
    assert "near: model" in str(caught.value)
    change(folder, auto_map={"AutoModel": "modeling_x.X"})
    with pytest.raises(ModelError, match="its own Python"):
        load(folder)
    change(folder, auto_map=None)
    (folder / "model.safetensors").rename(folder / "model.bin")
    with pytest.raises(ModelError, match="no safetensors"):
        load(folder)
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(ModelError, match="not JSON"):
        load(folder)
    (folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json"):
        load(folder)


def test_a_model_without_an_end_token_asks_for_one(folder):
    config = json.loads((folder / "config.json").read_text())
    told = {k: v for k, v in config["ctrldiff"].items() if k != "stop_ids"}
    tokenizer = json.loads((folder / "tokenizer_config.json").read_text())
    tokenizer.pop("eos_token", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    change(folder, ctrldiff=told, eos_token_id=None)
    try:
        load(folder)
    except NoEndToken as error:
        assert "stop_ids" in str(error)
    assert load(folder, stop_ids=(2,)).spec.stop_ids == (2,)


def test_keywords_override_the_config(folder):
    assert load(folder, context=100, canvas=20).spec.context == 100


def test_a_model_that_takes_the_time_is_told_the_share_of_noise_row_by_row():
    told = []

    def network(ids, t):
        told.append(t)
        return tell(ids)

    denoiser = cd.from_callable(network, spec(time_input="t"), VOCABULARY)
    written = torch.tensor([[-1, 1, 1, -1], [-1, -1, -1, -1], [0, 0, 0, 0], [-1, 1, 1, 1]])
    state = State.blank([[0], [0], [0], [0]], 4, written=written)
    denoiser(state)
    assert told[0].tolist() == [0.5, 1.0, 0.25], "the complete row is not asked about"
    padded = State.blank([[0]], 4, written=torch.tensor([[-1, 1, -1, -1]]), lengths=[2], pad_id=3)
    denoiser(padded)
    assert told[1].tolist() == [0.5]


def test_a_text_in_sight_is_not_noise():
    state = State.blank([[0]], 4)
    state = state.write(state.open, torch.ones_like(state.tokens))
    shown = state.clear(state.held)
    denoiser = cd.from_callable(tell, spec(), VOCABULARY)
    assert torch.equal(denoiser.noise(shown).tokens, state.tokens)
    assert noise_share(shown).tolist() == [0.25], "one position's worth of doubt"


@pytest.mark.parametrize("how", [{}, {"logit_shift": 1}, {"attention": "block_causal", "block_length": 4}], ids=str)
def test_an_empty_text_is_legal_for_a_model_without_a_prompt(how):
    """Sequence models continue nothing as well as something; a model that is asked for something is told what."""

    def network(ids):
        return torch.zeros(*ids.shape, 6)

    def model(**more):
        return cd.Model.from_callable(network, spec(**how, **more), VOCABULARY, lambda text: [0] * len(text))

    for text in ("", " ", "a"):
        assert model()(text, cd.Regex("[ab]{3}")).raw in cd.Regex("[ab]{3}")
    with pytest.raises(InputError, match="text 0 is empty"):
        model(prompt="{text}\n{ask}:")("", cd.Regex("[ab]{3}"))
