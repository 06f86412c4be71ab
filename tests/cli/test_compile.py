"""`ctrldiff compile`, and the commands that take its file."""

import json
from pathlib import Path

import ctrldiff as cd
from tests.cli.test_run import SCHEMA

ROOT = Path(__file__).parents[2]


def test_a_compiled_file_goes_in_place_of_its_schema(ctrldiff, tmp_path):
    out, text = tmp_path / "it.module", "The invoice is over EUR 12.50, and it was paid."
    status, told, _ = ctrldiff("compile", json.dumps(SCHEMA), "-o", out, "--json")
    facts = json.loads(told)
    assert status == 0 and facts["bytes"] == out.stat().st_size and facts["tables"][0]["states"] > 10
    assert facts["vocabulary"] == cd.from_pretrained("tiny").vocabulary.fingerprint
    answers = []
    for wanted in (("--schema", json.dumps(SCHEMA)), ("--compiled", out)):
        status, told, _ = ctrldiff("run", text, *wanted, "--json")
        assert status == 0
        answers.append({name: json.loads(told)[name] for name in ("output", "raw", "prob", "flags")})
    assert answers[0] == answers[1] and set(answers[1]["output"]) == {"total", "paid"}
    (tmp_path / "docs.jsonl").write_text(json.dumps({"id": "a", "text": text}) + "\n")
    rows = []
    for n, wanted in enumerate((("--schema", json.dumps(SCHEMA)), ("--compiled", out))):
        status, _, _ = ctrldiff("extract", tmp_path / "docs.jsonl", *wanted, "-o", tmp_path / f"{n}.jsonl")
        assert status == 0
        rows.append((tmp_path / f"{n}.jsonl").read_bytes())
    assert rows[0] == rows[1] and json.loads(rows[1])["output"] == answers[1]["output"]
    assert ctrldiff("extract", "--resume", tmp_path / "1.jsonl.job")[0] == 0
    status, _, err = ctrldiff("extract", tmp_path / "docs.jsonl", "--compiled", out, "-o", out, "--overwrite")
    assert status == 2 and "which is read" in err


def test_compiled_patterns_and_what_cannot_go_together(ctrldiff, tmp_path):
    out = tmp_path / "code"
    status, told, _ = ctrldiff("compile", "--regex", "[A-Z]{2}-[0-9]{4}", "-o", out)
    assert status == 0 and "states, compiled in" in told
    status, told, _ = ctrldiff("run", "The code is AB-1234.", "--compiled", out, "--json")
    assert status == 0 and json.loads(told)["output"] in cd.Regex("[A-Z]{2}-[0-9]{4}")
    for wrong, why in (
        (("compile", "-o", out), "nothing to compile"),
        (("run", "a", "--compiled", out, "--regex", "a"), "--compiled and --regex cannot go together"),
        (("run", "a", "--compiled", tmp_path / "none"), "no such file"),
        (("run", "a", "--compiled", ROOT / "README.md"), "is no compiled type"),
        (("extract", out, "-o", tmp_path / "x.jsonl"), "--schema or --compiled"),
        (("extract", out, "--compiled", out, "-s", "{}", "-o", tmp_path / "x.jsonl"), "cannot go together"),
    ):
        status, _, err = ctrldiff(*wrong)
        assert status == 2 and why in err, err
