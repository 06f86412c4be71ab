"""The vLLM plug-in around the released wheel's own state, sampler and request validation on the CPU; see `wheels`."""

import json
import re
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from ctrldiff.engines import vllm
from ctrldiff.engines.vllm_reads import Known, read_only
from ctrldiff.models.hf import TINY
from tests.engines.wheels import Nothing

pytestmark = pytest.mark.slow
VERSION, WIDTH, ROOM = "0.33.0", 8, 4
MODEL = "vllm.model_executor.models.diffusion_gemma"
OWN = (MODEL, MODEL + "_sampler", "vllm.sampling_params", "vllm.exceptions", "vllm.utils.diffusion")
OWN += ("vllm.v1.worker.gpu.model_states.interface",)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "b": {"type": "boolean"}}, "required": ["n", "b"]}


class Uva:
    """Arrays that host and device share."""

    def __init__(self, size, dtype):
        self.gpu = torch.zeros(size, dtype=dtype)
        self.np = self.gpu.numpy()

    def copy_to_uva(self):
        pass


class Output(NamedTuple):
    sampled_token_ids: torch.Tensor
    logprobs_tensors: object
    num_nans: object
    num_sampled: torch.Tensor
    num_rejected: torch.Tensor


class Logprobs(NamedTuple):
    logprob_token_ids: torch.Tensor
    logprobs: torch.Tensor
    selected_token_ranks: torch.Tensor
    cu_num_generated_tokens: object = None


def topk_scores(logits, count, sampled, **_):
    """vLLM's `compute_topk_scores`, whose log-softmax is a kernel: what was sampled, then the likeliest."""
    ids = torch.cat([sampled[:, None], logits.topk(count, dim=-1).indices], dim=1)
    return Logprobs(ids, logits.log_softmax(dim=-1).gather(1, ids), torch.ones(len(ids), dtype=torch.int64))


def to_device(values, dtype=None, device=None):
    return torch.as_tensor(values if isinstance(values, list) else np.asarray(values), dtype=dtype)


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(TINY)


@pytest.fixture
def theirs(released, monkeypatch, tokenizer):
    """vLLM's own modules, with our plug-in registered."""
    models = {}
    registry = SimpleNamespace(register_model=models.__setitem__)
    platform = SimpleNamespace(simple_compile_backend="eager")
    group = SimpleNamespace(world_size=1, unique_name="")
    given = {
        "vllm": {"ModelRegistry": registry},
        "vllm.platforms": {"current_platform": platform},
        "vllm.distributed.parallel_state": {"get_tp_group": lambda: group},
        "vllm.multimodal": {"MULTIMODAL_REGISTRY": SimpleNamespace(register_processor=lambda *_, **__: lambda c: c)},
        "vllm.utils.torch_utils": {"async_tensor_h2d": to_device},
        "vllm.v1.worker.gpu.buffer_utils": {"UvaBackedTensor": Uva},
        "vllm.v1.worker.gpu.sample.output": {"SamplerOutput": Output},
        "vllm.v1.worker.gpu.sample.logprob": {"compute_topk_scores": topk_scores},
        "vllm.v1.outputs": {"LogprobsTensors": Logprobs},
        "vllm.v1.worker.gpu.sample.penalties": {"use_penalty": lambda params: False},
        "vllm.utils.mistral": {"is_mistral_tokenizer": lambda tokenizer: False},
        "vllm.tokenizers": {"cached_tokenizer_from_config": lambda config: tokenizer, "TokenizerLike": object},
        "vllm.envs": {"VLLM_MAX_N_SEQUENCES": 64},
        "vllm.config": {"ModelConfig": object, "SpeculativeConfig": object, "StructuredOutputsConfig": object},
    }
    monkeypatch.setattr(torch, "compile", lambda *_, **__: lambda function: function)
    monkeypatch.setattr(torch.accelerator, "get_memory_info", lambda: (1 << 30, 1 << 30))
    released("vllm", VERSION, OWN, given)
    monkeypatch.delitem(vars(vllm), "DiffusionGemma", raising=False)
    vllm.register()
    vllm.register()  # as in a process that loads its plug-ins twice
    assert models == {vllm.ARCHITECTURE: "ctrldiff.engines.vllm:DiffusionGemma"}
    from vllm.sampling_params import SamplingParams, StructuredOutputsParams

    return SimpleNamespace(params=SamplingParams, asks=StructuredOutputsParams)


def model_config(tokenizer, **more):
    generation = {
        "sampler_config": {"_cls_name": "EntropyBoundSampler", "entropy_bound": 0.1},
        "t_min": 0.4,
        "t_max": 0.8,
        "confidence_threshold": 0.5,
        "stability_threshold": 1,
        "max_denoising_steps": 5,
        "eos_token_id": [tokenizer.eos_token_id],
    }
    return SimpleNamespace(
        hf_text_config=SimpleNamespace(hidden_size=6),
        dtype=torch.float32,
        is_diffusion=True,
        max_model_len=200,
        max_logprobs=20,
        logits_processors=None,
        get_inputs_embeds_size=lambda: 6,
        get_vocab_size=lambda: len(tokenizer) + 7,
        try_get_generation_config=lambda: generation,
        **more,
    )


class Server:
    """A scheduler and a model runner around vLLM's own state and sampler, with random logits."""

    def __init__(self, tokenizer, seed, top=-1):
        self.tokenizer, self.config = tokenizer, model_config(tokenizer)
        self.generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)  # vLLM draws its noise from the global one
        size = self.config.get_vocab_size()
        embed = SimpleNamespace(
            weight=torch.randn(size, 6),
            shard_indices=SimpleNamespace(org_vocab_start_index=0, org_vocab_end_index=size),
        )
        model = SimpleNamespace(model=SimpleNamespace(embed_tokens=embed, normalizer=torch.tensor(1.0)))
        config = SimpleNamespace(
            model_config=self.config,
            scheduler_config=SimpleNamespace(max_num_seqs=ROOM, max_num_batched_tokens=64),
            diffusion_config=SimpleNamespace(canvas_length=WIDTH, max_denoising_steps=None),
        )
        state = vllm.DiffusionGemma.get_model_state_cls()
        self.state = state(config, model, None, torch.device("cpu"))
        drafts = SimpleNamespace(draft_tokens=torch.zeros(ROOM, WIDTH, dtype=torch.int64))
        nothing = SimpleNamespace(add_request=lambda *_: None, max_num_token_ids=lambda slots: 0)
        sampling = SimpleNamespace(
            add_request=lambda *_: None,
            get_top_k_top_p=lambda *_: (None, None, False),
            max_num_logprobs=lambda slots: top,
        )
        stock = SimpleNamespace(
            sampling_states=sampling,
            logprob_token_ids_state=nothing,
            req_states=drafts,
            logprobs_mode="raw_logprobs",
        )
        self.sampler, _ = self.state.custom_sampler(stock)
        assert self.sampler.canvas_length == WIDTH  # everything else is the stock sampler's

    def begin(self, slot, rid, params, prompt=(5, 6, 7), written=()):
        given = SimpleNamespace(
            req_id=rid,
            sampling_params=params,
            prompt_token_ids=list(prompt),
            prefill_token_ids=[*prompt, *written],
        )
        self.state.add_request(slot, given)
        self.sampler.add_request(slot, params)

    def step(self, slots, prefill, broken=()):
        """One pass over slots; those in `prefill` have no rows. {slot: the tokens that were emitted}."""
        rows = [0 if slot in prefill else WIDTH for slot in slots]
        ends = np.cumsum([0, *rows])
        count = len(slots)
        batch = SimpleNamespace(
            num_reqs=count,
            num_draft_tokens=int(ends[-1]),
            idx_mapping_np=np.array(slots),
            idx_mapping=torch.tensor(slots),
            cu_num_logits_np=ends,
            num_computed_prefill_tokens_np=np.zeros(count, dtype=np.int64),
            num_scheduled_tokens=np.full(count, WIDTH),
            prefill_len_np=np.full(count, 3),
            query_start_loc_np=np.arange(count + 1) * WIDTH,
            query_start_loc=torch.arange(count + 1) * WIDTH,
        )
        logits = 3 * torch.randn(int(ends[-1]), self.config.get_vocab_size(), generator=self.generator)
        for slot in set(broken) & set(slots):
            logits[ends[slots.index(slot)] : ends[slots.index(slot) + 1]] = torch.nan
        before = logits.clone()
        out = self.sampler(logits, batch)
        assert torch.equal(logits.nan_to_num(), before.nan_to_num()), "the runner owns the logits"
        self.logits, self.read = before, out.logprobs_tensors
        counts = out.num_sampled.tolist()
        return {slot: out.sampled_token_ids[row, : counts[row]].tolist() for row, slot in enumerate(slots)}

    def serve(self, requests, broken=()):
        """Every request's text, and the ids written."""
        answers = {}
        for slot, params in enumerate(requests):
            self.begin(slot, f"r{slot}", params)
            answers[slot] = []
        self.step(list(answers), prefill=list(answers))
        going = list(answers)
        while going:
            for slot, tokens in self.step(going, prefill=(), broken=broken).items():
                answers[slot] += tokens
            going = [slot for slot in going if not self.ended(answers[slot], requests[slot])]
        return [self.text(answers[slot], requests[slot]) for slot in answers]

    def ended(self, tokens, params):
        return self.tokenizer.eos_token_id in tokens or len(tokens) >= params.max_tokens

    def text(self, tokens, params):
        tokens, stop = tokens[: params.max_tokens], self.tokenizer.eos_token_id
        return self.tokenizer.decode(tokens[: tokens.index(stop) if stop in tokens else None])


def admitted(theirs, tokenizer, max_tokens=40, extra_args=None, **asked):
    params = theirs.params(max_tokens=max_tokens, extra_args=extra_args)
    params.structured_outputs = theirs.asks(**asked) if asked else None
    params.verify(model_config(tokenizer), None, Nothing(), tokenizer)
    return params


def test_each_request_gets_what_it_asked_for_from_its_own_sampler(theirs, tokenizer):
    for seed in range(6):
        requests = [
            admitted(theirs, tokenizer, regex=r"\d{4}-\d{2}-\d{2}"),
            admitted(theirs, tokenizer, json=SCHEMA),
            admitted(theirs, tokenizer, choice=["yes", "no"], max_tokens=6),
            admitted(theirs, tokenizer, max_tokens=8),
        ]
        assert all(request.structured_outputs is None for request in requests)
        a, b, c, d = Server(tokenizer, seed).serve(requests)
        value = json.loads(b)
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", a) and c in ("yes", "no") and d
        assert isinstance(value["n"], int) and isinstance(value["b"], bool)


def test_a_batch_without_a_constraint_is_the_stock_samplers(theirs, tokenizer):
    texts = []
    for sampler in ("ours", "stock"):
        server = Server(tokenizer, 3)
        server.sampler = server.sampler if sampler == "ours" else server.sampler.stock
        texts.append(server.serve([admitted(theirs, tokenizer, max_tokens=16) for _ in range(3)]))
    assert texts[0] == texts[1] and all(texts[0])


def test_a_request_that_was_preempted_goes_on_behind_what_it_wrote(theirs, tokenizer):
    params = admitted(
        theirs, tokenizer, json={"type": "array", "items": {"type": "boolean"}, "minItems": 4, "maxItems": 4}
    )
    server = Server(tokenizer, 1)
    server.begin(0, "a", params)
    server.step([0], prefill=[0])
    written = []
    while not written:
        written += server.step([0], prefill=())[0]
    server.state.remove_request("a")
    assert not server.state.answers
    server.begin(2, "a", params, written=written)  # another slot
    server.step([2], prefill=[2])
    while not server.ended(written, params):
        written += server.step([2], prefill=())[2]
    assert len(json.loads(server.text(written, params))) == 4 and len(written) > WIDTH


def test_what_fails_in_the_worker_ends_one_answer(theirs, tokenizer, caplog):
    requests = [admitted(theirs, tokenizer, regex=r"\d{4}-\d{2}-\d{2}") for _ in range(2)]
    server = Server(tokenizer, 0)
    a, b = server.serve(requests, broken=[0])
    assert a == "" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", b) and "LOGITS_INVALID" in server.state.answers[0].failed
    assert "an answer ends" in caplog.text
    requests[0].extra_args[vllm.CARRIED][1] = "(a"  # as if nobody had validated it
    c, d = server.serve(requests)
    assert c == "" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", d) and "REGEX_SYNTAX" in server.state.answers[0].failed


@pytest.mark.parametrize("ids", [(), tuple(range(40, 168))])
def test_the_read_only_request_is_one_that_vllm_takes(theirs, tokenizer, ids):
    from vllm.utils.diffusion import validate_diffusion_sampling_params

    body = read_only([5, 6], list(range(10, 10 + WIDTH)), top=20, ids=ids)
    words = {"prompt", "logprobs", "logprob_token_ids", "return_tokens_as_token_ids", "vllm_xargs"}
    plain = {name: value for name, value in body.items() if name not in words}
    asked = {"logprob_token_ids": list(ids)} if ids else {"logprobs": body["logprobs"]}  # as its completions do
    params = theirs.params(**plain, **asked, extra_args=body["vllm_xargs"])
    params.verify(model_config(tokenizer), None, Nothing(), tokenizer)
    validate_diffusion_sampling_params(params, canvas_length=WIDTH, vocab_size=len(tokenizer))
    assert params.max_tokens == WIDTH and params.structured_outputs is None


def test_a_read_is_one_step_of_its_own_sampler_at_temperature_1(theirs, tokenizer):
    body = read_only([5, 6], list(range(10, 10 + WIDTH)), top=5, ids=())
    server = Server(tokenizer, 0, top=5)
    server.begin(1, "read", theirs.params(max_tokens=WIDTH, logprobs=5, extra_args=body["vllm_xargs"]))
    server.step([1], prefill=[1])
    assert server.state.diffusion_states.canvas[1].tolist() == list(range(10, 10 + WIDTH))
    tokens = server.step([1], prefill=())[1]  # one pass, no commit after it
    assert tokens == server.logits.argmax(dim=-1).tolist()
    true = server.logits.log_softmax(dim=-1)
    torch.testing.assert_close(server.read.logprobs, true.gather(1, server.read.logprob_token_ids))
    rows = [dict(zip(*pair)) for pair in zip(server.read.logprob_token_ids.tolist(), server.read.logprobs.tolist())]
    known = Known(WIDTH, true.shape[1])
    known.learn(rows, ranked=True)
    assert bool((known.upper() >= true - 1e-6).all())


@pytest.mark.parametrize(
    ("asked", "more", "says"),
    [
        ({"regex": "(a"}, {}, "REGEX_SYNTAX"),
        ({"json": {"type": "object", "properties": 3}}, {}, "SCHEMA_INVALID"),
        ({"json": "{"}, {}, "not JSON"),
        ({"grammar": 'root ::= "a"'}, {}, "grammar: not supported"),
        ({"json_object": True}, {}, "json_object: not supported"),
        ({"regex": "a"}, {"stop": ["x"]}, "stop with structured outputs"),
        ({"regex": "a"}, {"ignore_eos": True}, "ignore_eos with structured outputs"),
        ({"regex": "a"}, {"presence_penalty": 0.5}, "presence_penalty is not obeyed"),
        ({"regex": "a"}, {"max_tokens": None}, "max_tokens"),
        ({"regex": r"(\d-){9}"}, {"max_tokens": 3}, "max_tokens>="),
        ({"regex": "a"}, {"extra_args": {"diffusion_pinned": [1], "diffusion_seed_canvas": [1] * 8}}, "pinned"),
        ({"regex": "a"}, {"temperature": 0.5}, "temperature"),  # vLLM's own refusal
    ],
)
def test_what_cannot_be_kept_is_refused_when_a_request_is_validated(theirs, tokenizer, asked, more, says):
    from vllm.exceptions import VLLMValidationError

    params = theirs.params(**{"max_tokens": 40, **more})
    params.structured_outputs = theirs.asks(**asked)
    with pytest.raises(VLLMValidationError, match=re.escape(says)):
        params.verify(model_config(tokenizer), None, Nothing(), tokenizer)


def test_a_request_may_be_validated_again_and_other_models_are_left_alone(theirs, tokenizer):
    params = admitted(theirs, tokenizer, regex="[ab]+")
    carried = list(params.extra_args[vllm.CARRIED])
    params.verify(model_config(tokenizer), None, Nothing(), tokenizer)
    assert params.extra_args[vllm.CARRIED] == carried
    other = theirs.params(max_tokens=4)
    other.structured_outputs = theirs.asks(regex="(a")
    vllm.admitting(lambda *_: None)(other, SimpleNamespace(is_diffusion=False), None, None, tokenizer)
    assert other.structured_outputs.regex == "(a" and other.extra_args is None


def test_vllm_finds_the_plug_in():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["vllm.general_plugins"]["ctrldiff"] == "ctrldiff.engines.vllm:register"
