"""`ctrldiff run`, as a stranger meets it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import ctrldiff as cd
from ctrldiff.cli.said import clock

ROOT = Path(__file__).parents[2]
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}, "paid": {"type": "boolean"}}}
SCHEMA |= {"required": ["total", "paid"], "additionalProperties": False}


def test_a_preset_is_named_with_its_knobs(ctrldiff):
    command = ("run", "The code is AB-1234.", "--regex", "[A-Z]{2}-[0-9]{4}", "--max-new-tokens", 8, "--json")
    status, out, _ = ctrldiff(*command, "--preset", "klass:block=16,threshold=.8", "--steps", 8)
    assert status == 0 and json.loads(out)["output"] in cd.Regex("[A-Z]{2}-[0-9]{4}")
    for wrong, why in (("class", "klass"), ("klass:gamma=1", "threshold"), ("eb:gamma", "no value")):
        status, _, err = ctrldiff(*command, "--preset", wrong)
        assert status != 0 and why in err, err
    status, _, err = ctrldiff(*command, "--preset", "llada:steps=3", "--steps", 4)
    assert status == 2 and "one of them" in err


@pytest.mark.parametrize(
    ("said", "plan"),
    [
        (("mdlm", None, 0.0), cd.Plan.preset("mdlm", temperature=0.0)),  # the option's own default is the preset's
        (("mdlm", None, None), cd.Plan.preset("mdlm")),
        (("daedal:ends=3+5,initial=4", None, None), cd.Plan.preset("daedal", ends=(3, 5), initial=4)),
        (("adablock:ends=7+", 0, None), None),
        (("adablock:ends=7+,share=1e-1", None, 0.5), cd.Plan.preset("adablock", ends=(7,), share=0.1, temperature=0.5)),
        (("ctrldiff_blocks:sizes=2+4", None, None), cd.Plan.preset("ctrldiff_blocks", sizes=(2, 4))),
    ],
    ids=range(6),
)
def test_what_is_said_of_a_preset_is_the_preset_of_python(said, plan):
    if plan is None:
        with pytest.raises(cd.errors.InputError, match="no 'steps'"):
            clock(*said)
    else:
        assert clock(*said) == {"plan": plan}
    assert clock(None, 3, None) == {"steps": 3, "temperature": 0.0}


def test_the_readme_shows_what_make_run_prints(ctrldiff):
    """Line by line, but for seconds, a probability and how lines are broken. README leaves some of the steps out."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = next(block for block in readme.split("```") if block.startswith("\n  0  "))
    text = (ROOT / "examples" / "invoice.txt").read_text(encoding="utf-8")
    status, printed, _ = ctrldiff("run", "--schema", "examples/invoice.schema.json", "--show", "-", stdin=text)
    assert status == 0

    def plain(lines: str) -> str:
        return re.sub(r"\s+|, [\d.]+ s, prob [\d.]+", "", lines)

    for line in shown.splitlines():
        assert line.strip() == "..." or plain(line) in plain(printed), line


def test_run_prints_an_object_and_its_cost(ctrldiff):
    status, out, _ = ctrldiff("run", "-", "--schema", json.dumps(SCHEMA), "--json", stdin="Total: EUR 12.50, paid.")
    facts = json.loads(out)
    assert status == 0 and set(facts["output"]) == {"total", "paid"}
    assert facts["usage"]["forwards"] >= 1 and 0 <= facts["prob"] <= 1


def test_a_prompt_and_examples_are_files(tmp_path, ctrldiff):
    prompt, examples, out = tmp_path / "prompt.txt", tmp_path / "shots.jsonl", tmp_path / "out.jsonl"
    prompt.write_text("<bos>{text}<ask>{ask}<answer>\n")
    examples.write_text('{"text": "a 1", "output": 1}\n')
    docs = tmp_path / "in.jsonl"
    docs.write_text('{"text": "b 2"}\n')
    shown = ("--prompt-file", prompt, "--examples", examples)
    tokens = {}
    for how in ((), shown):
        status, printed, _ = ctrldiff("run", "b 2", "-s", '{"type": "integer"}', "--json", "--steps", 2, *how)
        tokens[how] = json.loads(printed)["usage"]["prompt_tokens"]
        assert status == 0
    assert tokens[shown] > tokens[()] + 5
    assert ctrldiff("extract", docs, "-s", '{"type": "integer"}', "-o", out, "--steps", 2, *shown)[0] == 0
    status, _, told = ctrldiff("extract", docs, "-s", '{"type": "integer"}', "-o", out, "--steps", 2)
    assert status == 2 and "examples" in told, "another run, for it was shown other examples"


@pytest.mark.parametrize(
    ("option", "held", "named"),
    [
        ("--prompt-file", b"no place", "{text}"),
        ("--prompt-file", b"{text} \xff", "cannot be read"),
        ("--prompt-file", None, "cannot be read"),
        ("--examples", b'{"text": "a"}\n', "line 1"),
        ("--examples", b"[1]\n", "line 1"),
        ("--examples", None, "cannot be read"),
    ],
)
def test_a_prompt_or_examples_that_cannot_be_used_are_refused_before_a_model_is_loaded(
    tmp_path, ctrldiff, option, held, named
):
    file = tmp_path / "file"
    if held is not None:
        file.write_bytes(held)
    status, _, told = ctrldiff("run", "b 2", "--model", "no/such/model", option, file)
    assert status == 2 and named in told


def test_run_shows_the_canvas_filling_up(ctrldiff):
    status, out, _ = ctrldiff("run", "the kettle is bad", "--regex", "[ab]{3}", "--show", "--max-new-tokens", "5")
    assert status == 0 and "·····" in out and "forward passes" in out


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        (["good,bad"], {"good", "bad"}),
        ([" good , bad "], {"good", "bad"}),
        (["good, in part", "bad"], {"good, in part", "bad"}),
    ],
)
def test_labels_are_told_by_commas_or_one_by_one(ctrldiff, said, labels):
    options = [part for one in said for part in ("--choice", one)]
    status, out, _ = ctrldiff("run", "The kettle is bad.", *options, "--json")
    assert status == 0 and set(json.loads(out)["probs"]) == labels


@pytest.mark.parametrize("said", [["a,,b"], [",a"], ["a,"], [""], [" , "], ["a", ""], ["a", "  "]])
def test_an_empty_label_is_refused_with_a_way_out(ctrldiff, said):
    options = [part for one in said for part in ("--choice", one)]
    status, _, err = ctrldiff("run", "The kettle is bad.", *options)
    assert status == 2 and "a label is empty" in err and "->" in err


def test_a_decision_is_shown_with_its_answer(ctrldiff):
    status, out, _ = ctrldiff("run", "The kettle is bad.", "--choice", "good,bad", "--show")
    first, second, *_ = out.splitlines()
    assert status == 0 and "·" in first and second.split()[0] == "1" and second.split()[1] in ("good", "bad")


@pytest.mark.parametrize("label", ["positive", "negative"])
def test_run_leans_as_a_guide_says_and_keeps_the_form(ctrldiff, label):
    pattern = r"[A-Z][a-z ,']+\. [A-Z][a-z ,']+\."
    status, out, _ = ctrldiff(
        *("run", "Write a review of the kettle.", "--regex", pattern, "--guide", f"sentiment={label}:2.0"),
        *("--max-new-tokens", 32, "--json"),
    )
    raw = json.loads(out)["raw"]
    assert status == 0 and raw in cd.Regex(pattern)
    assert cd.from_pretrained()(raw, cd.Choice(["positive", "negative"])).output == label


@pytest.mark.parametrize(
    ("guide", "told"),
    [
        ("sentiment=warm:2", "no label 'warm'"),
        ("sentiment=positive:nan", "not a finite number"),
        ("sentiment=positive:much", "'much'"),
        ("mood=positive:2", "nothing is called 'mood'"),
        ("prompt=:1", "is no guide"),
        ("sentiment=positive:2@total.x", "no string, number, boolean or null at 'total.x'"),
    ],
)
def test_guides_that_mean_nothing_are_refused_with_those_that_do(ctrldiff, guide, told):
    status, _, err = ctrldiff("run", "A text.", "--schema", json.dumps(SCHEMA), "--guide", guide)
    assert status == 2 and told in err and "Traceback" not in err


def test_every_form_of_a_guide_is_read():
    from ctrldiff import guide as g
    from ctrldiff.guidance.words import read_guide

    assert read_guide("prompt:1.5") == g.ClassifierFree(1.5) and read_guide("prompt") == g.ClassifierFree(1.0)
    assert read_guide("doubt:2") == g.AdaptiveClassifierFree(2.0)
    assert read_guide("not=Write a bad review.:0.5") == g.NegativePrompt("Write a bad review.", 0.5)
    assert read_guide("words=a, b:-3") == g.Words(["a", "b"], -3.0)
    assert read_guide("alone@r.text") == g.on_field("r.text", g.Alone())
    assert read_guide(f"bias={ROOT}/ctrldiff/guidance/sentiment.safetensors:2@r.text").path == "r.text"
    assert read_guide("sentiment=positive").strength == 1.0


def test_a_forced_value_is_told_and_may_be_refused(ctrldiff):
    schema = {"type": "object", "properties": {"customer": {"type": "string"}, "notes": {"type": "string"}}}
    schema["required"] = ["customer", "notes"]
    asked = ("run", "Order 5512 for Maria Jensen: 3 desk lamps.", "--schema", json.dumps(schema), "--json")
    status, out, _ = ctrldiff(*asked)
    assert status == 0 and [flag["where"] for flag in json.loads(out)["flags"]] == ["/notes"]
    assert json.loads(out)["full"] is False
    status, _, err = ctrldiff(*asked, "--unsure", "error")
    assert status == 2 and "UNSURE" in err and "/notes" in err
    assert ctrldiff(*asked, "--unsure", "maybe")[0] == 2


def test_a_warning_is_a_line_of_its_own_and_points_at_no_code():
    schema = '{"type":"string","minLength":9}'
    command = [sys.executable, "-m", "ctrldiff", "run", "two lamps", "-s", schema, "--max-new-tokens", "12"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert said.startswith("warning: text 0: the end of its canvas") and ".py" not in said
