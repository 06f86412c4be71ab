"""What every command says of itself, and of what is mistyped."""

import subprocess
import sys
from pathlib import Path

import pytest

import ctrldiff as cd

ROOT = Path(__file__).parents[2]


def test_the_module_runs_as_a_command():
    done = subprocess.run([sys.executable, "-m", "ctrldiff", "--help"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "extract" in done.stdout


def test_the_version_is_the_packages(ctrldiff):
    assert ctrldiff("--version")[:2] == (0, f"ctrldiff {cd.__version__}\n")
    assert "Typed, guaranteed answers" in ctrldiff("--help")[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "{"), "SCHEMA_INVALID"),
        (("check", "no-such-file.json"), "cannot be read"),
        (("check", '{"const": 1}', "--model", "no/such/model"), "is not a folder"),
        (("run", "x", "--regex", "(a)\\1"), "^"),
        (("run", "x", "--regex", "a{9}", "--max-new-tokens", "2"), "max_new_tokens>="),
        (("run", "  "), "empty"),
        (("run", "x", "--regex", "a", "--choice", "b"), "cannot go together"),
        (("run", "x", "--model", "tests"), "config.json"),
        (("extract", "missing.jsonl", "--schema", '{"const":1}', "-o", "/tmp/x"), "cannot be read"),
    ],
)
def test_errors_are_one_message_with_a_way_out_and_no_traceback(arguments, words, ctrldiff):
    status, _, err = ctrldiff(*arguments)
    assert status == 2 and "Traceback" not in err
    assert words in err


MISTYPED = [
    ("run", "a", "--schema", "none.json"),
    ("run", "a", "--choice", "a,,b"),
    ("run", "a", "--unsure", "perhaps"),
    ("run", "a", "--guide", "nonsense"),
    ("run", "a", "--guide", "bias=none.safetensors:2"),
    ("extract", "none.jsonl", "-s", '{"const": 1}', "-o", "OUT"),
    ("extract", "examples/invoice.txt", "-s", "none.json", "-o", "OUT"),
    ("extract", "examples/invoice.txt", "-s", '{"const": 1}', "-o", "OUT", "--unsure", "perhaps"),
    ("check", "none.json"),
    ("calibrate", "none.jsonl"),
    ("calibrate", "none.jsonl", "-s", '{"type": "object"}'),
    ("extract", "examples/invoice.txt", "-s", '{"const": 1}', "-o", "OUT", "--calibration", "examples/invoice.txt"),
    ("bias", "fit", "none.txt", "examples/invoice.txt", "-o", "OUT"),
    ("bias", "fit", "examples/invoice.txt", "none.txt", "-o", "OUT"),
]


@pytest.mark.parametrize("arguments", MISTYPED, ids=" ".join)
def test_what_is_mistyped_is_found_before_a_model_is_loaded(arguments, ctrldiff, monkeypatch, tmp_path):
    monkeypatch.setattr("ctrldiff.generate.from_pretrained", lambda *_, **__: pytest.fail("a model is loaded"))
    status, _, errors = ctrldiff(*(str(tmp_path / "out") if one == "OUT" else one for one in arguments))
    assert status == 2 and errors


def test_a_mistyped_file_is_found_before_torch_is_imported():
    for arguments in (one for one in MISTYPED if one[0] != "calibrate" and {"none.json", "none.jsonl"} & {*one}):
        code = f"""
import sys
from ctrldiff.cli import main
sys.argv = ["ctrldiff", *{arguments}]
try:
    main()
finally:
    assert not {{"torch", "transformers"}} & set(sys.modules)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 2 and "cannot be read" in done.stderr, done.stderr
