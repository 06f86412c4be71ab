"""`ctrldiff warm` compiles all that an answer calls."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ctrldiff import warm as page
from ctrldiff.errors import InputError, ModelError

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "ctrldiff" / "kernels").glob("*.py"))
# Compiles, then answers in many ways: what is called from outside of the kernels, and how many were compiled each time.
CODE = """
import ctrldiff as cd
from ctrldiff.kernels.jit import KERNELS
from ctrldiff.warm import compile_kernels

def compiled():
    return {kernel.py_func.__name__: len(kernel.signatures) for kernel in KERNELS if kernel.signatures}

compile_kernels()
first = compiled()
model = cd.from_pretrained("tiny")
text = "Bill to: Maria Jensen. Total due: EUR 308.80."
schema = {"type": "object", "properties": {"name": {"type": ["string", "null"]}, "total": {"type": "number"}}}
schema |= {"required": ["name", "total"], "additionalProperties": False}
for output in (schema, bool, float, str, cd.Span, cd.Regex("[a-z]{2,9}x?"), cd.Choice(["a", "b"])):
    model(text, output)
model(text, cd.Template("Dear {name}", name=str))
model(text, schema, temperature=1.0, nulls=True, unsure="null")
model([text, "Total: 5"], str, steps=2, guidance=[cd.guide.Words(["a"], 2.0)])
print(sorted(first), {name for name, count in compiled().items() if first.get(name) != count} or "none", sep=chr(10))
"""


def called_from_outside():
    """The names of kernels that the rest of the package calls: imported by name, or through their module."""
    kernels = {name for path in SOURCES for name in re.findall(r"@kernel\ndef (\w+)", path.read_text())}
    found = set()
    for path in (ROOT / "ctrldiff").rglob("*.py"):
        text = path.read_text()
        if path in SOURCES or "ctrldiff.kernels" not in text:
            continue
        for line in re.findall(r"from ctrldiff\.kernels\.\w+ import (.+)", text):
            found |= {name.strip() for name in line.split(",")}
        for module in re.findall(r"from ctrldiff\.kernels import (\w+(?: as \w+)?)", text):
            found |= set(re.findall(rf"\b{module.split()[-1]}\.(\w+)", text))
    return found & kernels


@pytest.mark.slow
def test_every_kernel_is_compiled_as_answers_call_it():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    first, later = done.stdout.splitlines()
    called = called_from_outside()
    assert len(called) > 25 and not [name for name in called if repr(name) not in first]
    assert later == "none"


@pytest.mark.slow
def test_the_command_says_what_it_did():
    done = subprocess.run([sys.executable, "-m", "ctrldiff", "warm", "--json"], capture_output=True, text=True)
    facts = json.loads(done.stdout)
    count = sum(len(re.findall("^@(kernel|fused)$", path.read_text(), re.MULTILINE)) for path in SOURCES)
    assert facts["kernels"] == count and 0 <= facts["compiled"] <= count
    assert facts["model"] == "tiny" and facts["seconds"] > 0 and facts["model_seconds"] > 0
    assert all(Path(folder).is_dir() for folder in facts["folder"].split(", "))
    done = subprocess.run([sys.executable, "-m", "ctrldiff", "warm"], capture_output=True, text=True)
    assert re.match(rf"\d+ of {count} kernels compiled in \d+\.\d s, kept in /.+\ntiny loaded in", done.stdout)


def test_where_nothing_can_be_kept_nothing_is_compiled(monkeypatch):
    monkeypatch.setattr(page, "KERNELS", [SimpleNamespace(stats=SimpleNamespace(cache_path=None))])
    monkeypatch.setattr(page, "compile_kernels", lambda: pytest.fail("for nothing"))
    with pytest.raises(InputError, match="cannot be kept") as error:
        page.warm()
    assert "NUMBA_CACHE_DIR" in error.value.hint


def test_a_folder_that_is_no_model_is_an_error(tmp_path):
    with pytest.raises(ModelError, match=r"no config\.json"):
        page.warm(tmp_path)


@pytest.mark.slow
@pytest.mark.long
def test_after_it_a_fresh_cache_gets_no_more(tmp_path):
    env = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def run(*arguments):
        command = [sys.executable, "-m", "ctrldiff", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT, check=True).stdout

    facts = json.loads(run("warm", "--json"))
    assert facts["compiled"] == facts["kernels"] and facts["folder"].startswith(str(tmp_path))
    kept = sorted(tmp_path.rglob("*.nb?"))
    run("run", "-s", "examples/invoice.schema.json", "Invoice INV-1. Total due: EUR 5.00.")
    assert kept == sorted(tmp_path.rglob("*.nb?"))
    assert json.loads(run("warm", "--json"))["compiled"] == 0
