"""A run with a model: what its rows are, and what tells it from another run."""

import json
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest
import torch
from pydantic import BaseModel, field_validator

import ctrldiff as cd
from ctrldiff import guide
from ctrldiff.errors import InputError
from ctrldiff.extract import extract_file
from ctrldiff.extract.decoder import GeneratorDecoder
from ctrldiff.extract.plan import plan_of


class Invoice(BaseModel):
    total: int
    due: date

    @field_validator("total")
    @classmethod
    def anything(cls, total: int) -> int:
        if total >= 50:
            raise KeyError(total)  # not an error that pydantic expects of a validator
        return total


@dataclass
class Plain:
    total: int


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


def documents(path: Path, *texts: str) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def test_rows_hold_values_of_any_type_and_a_validator_that_raises_costs_its_own_line(tmp_path, model):
    texts = [f"Total {n} EUR, due 3 March 2026." for n in (12, 77, 31)]
    file = documents(tmp_path / "in", *texts)
    summary = extract_file(cd.Generator(model, Invoice), file, tmp_path / "out")
    rows = [json.loads(line) for line in (tmp_path / "out").open()]
    failures = [json.loads(line) for line in (tmp_path / "out.failed.jsonl").open()]
    assert summary.done + summary.failed == 3 and summary.failed >= 1
    assert sorted(row["line"] for row in rows + failures) == [1, 2, 3]
    assert all(date.fromisoformat(row["output"]["due"]) and row["output"]["total"] < 50 for row in rows)
    assert all(row["code"] == "OUTPUT_INVALID" and "raised KeyError" in row["error"] for row in failures)


@pytest.mark.parametrize("wanted", [Plain, int, date, list[int], cd.Score(1, 5)])
def test_any_type_can_be_a_row(tmp_path, model, wanted):
    file = documents(tmp_path / "in", "Total 3 EUR, due 3 March 2026.")
    assert extract_file(cd.Generator(model, wanted, max_new_tokens=40), file, tmp_path / "out").done == 1


def test_half_a_surrogate_pair_is_its_own_line(tmp_path, model):
    file = documents(tmp_path / "in", "Total 3 EUR", "Total \ud83d", "word " * 400, "Total 4 EUR")
    summary = extract_file(cd.Generator(model, Plain), file, tmp_path / "out")
    assert (summary.done, summary.failed) == (3, 1), "the long one is read in parts"


CHANGES = {
    "seed": {"seed": 1},
    "temperature": {"temperature": 1.0},
    "steps": {"steps": 3},
    "max_new_tokens": {"max_new_tokens": 40},
    "guidance": {"guidance": [guide.Words(["a"], 2.0)]},
    "schema": {"output": int},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_run_under_another_plan_is_another_run_and_the_same_plan_is_the_same(tmp_path, model, name):
    how = {"output": Plain} | CHANGES[name]
    plain, plan = plan_of(cd.Generator(model, Plain)), plan_of(cd.Generator(model, **how))
    changed = {key for key in plan if plan[key] != plain[key]}
    assert changed >= {"steps": {"schedule"}, "temperature": {"constrain", "propose", "processors"}}.get(name, {name})
    again = plan_of(cd.Generator(cd.from_pretrained("tiny"), **how, batch_size=3))
    assert plan == again and " at 0x" not in str(plan) and json.loads(json.dumps(plan)) == plan


def test_other_weights_under_the_same_name_are_another_run(tmp_path, model):
    import shutil

    folder = tmp_path / "tiny"
    shutil.copytree(Path(cd.__file__).parent / "models" / "tiny", folder)
    generator = cd.Generator(cd.from_pretrained(folder), Plain)
    file = documents(tmp_path / "in", "Total 3 EUR")
    extract_file(generator, file, tmp_path / "out")
    assert extract_file(cd.Generator(model, Plain), file, tmp_path / "out").earlier == 1
    weights = folder / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(InputError, match="weights: "):
        extract_file(cd.Generator(cd.from_pretrained(folder), Plain), file, tmp_path / "out")


def test_a_policy_that_says_nothing_of_itself_cannot_be_gone_on_with(tmp_path, model):
    file = documents(tmp_path / "in", "Total 3 EUR")
    generator = cd.Generator(model, Plain, processors=[lambda logits, state, step: logits])
    extract_file(generator, file, tmp_path / "out")
    with pytest.raises(InputError, match="processors: "):
        extract_file(generator, file, tmp_path / "out")


def test_what_was_read_before_the_input_broke_is_answered(model):
    def texts():
        for n in range(3):
            yield f"Total {n} EUR", False
        raise InputError("the file broke")

    came = []
    with pytest.raises(InputError, match="the file broke"):
        for result in GeneratorDecoder(cd.Generator(model, Plain, batch_size=2)).stream(texts()):
            came.append(result.output)
    assert len(came) == 3 and all(isinstance(one, Plain) for one in came)


def test_every_document_is_forwarded_in_a_call_of_its_own_unless_told(model):
    """A network whose logits depend on how many rows share a call: alone, no row can tell."""
    inner = model.loaded.denoiser

    class Shaken:
        vocabulary, noise, observe = inner.vocabulary, staticmethod(inner.noise), staticmethod(inner.observe)

        def __call__(self, state):
            return inner(state) + 3 * torch.arange(inner.vocabulary.size) / inner.vocabulary.size * (state.shape[0] - 1)

    shaken = replace(model, loaded=replace(model.loaded, denoiser=Shaken()))
    texts = [(f"Total {n} EUR", False) for n in range(4)]
    answers = {
        (together, size): [
            (one.raw, one.log_prob)
            for one in GeneratorDecoder(cd.Generator(shaken, Plain, batch_size=size), together).stream(texts)
        ]
        for together in (False, True)
        for size in (1, 4)
    }
    assert answers[False, 1] == answers[False, 4] == answers[True, 1] != answers[True, 4]


@dataclass
class Judge:
    """Finds all tokens equally probable, and counts the rows that it is asked of."""

    vocabulary: cd.Vocabulary
    asked: int = 0

    def __call__(self, state, tokens):
        self.asked += state.shape[0]
        return torch.zeros(*state.shape, self.vocabulary.size)


@pytest.mark.parametrize("out", ["out.jsonl", "-"])
def test_calls_of_a_model_beside_the_network_are_counted(tmp_path, model, capsysbinary, out):
    judge = Judge(model.vocabulary)
    plan = cd.Plan.default().but(propose=cd.propose.Judged(judge), commit=cd.commit.Proposed())
    file = documents(tmp_path / "in", "Total 3 EUR", "Total 4 EUR", "")
    generator = cd.Generator(model, Plain, plan=plan, batch_size=2)
    summary = extract_file(generator, file, out if out == "-" else tmp_path / out, failed=tmp_path / "failed")
    lines = capsysbinary.readouterr().out if out == "-" else (tmp_path / out).read_bytes()
    rows = [json.loads(line) for line in lines.splitlines()]
    assert (summary.done, summary.failed) == (2, 1) == (len(rows), 1)
    assert sum(row["usage"]["other_calls"] for row in rows) == summary.other_calls == judge.asked > 0
