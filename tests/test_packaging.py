"""What an installed ctrldiff holds."""

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import ctrldiff as cd
from ctrldiff.constraints import grammar as grammars
from ctrldiff.errors import ConstraintError, InputError

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_is_named():
    on_disk = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "ctrldiff").rglob("__init__.py")}
    named = PROJECT["tool"]["setuptools"]["packages"]
    assert named == sorted(on_disk | {"ctrldiff.grammars"})


def test_the_version_stands_in_one_place_and_the_citation_and_the_changelog_agree():
    written = [p for p in (ROOT / "ctrldiff").rglob("*.py") if cd.__version__ in p.read_text(encoding="utf-8")]
    assert written == [ROOT / "ctrldiff" / "version.py"]
    assert "version" not in PROJECT["project"] and "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "ctrldiff.version.VERSION"}
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "docs" / "changelog.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", changelog, re.MULTILINE)
    assert newest and newest.groups() == (citation["version"], str(citation["date-released"]))
    assert citation["version"] == cd.__version__ and citation["license"] == PROJECT["project"]["license"]


def test_hosted_ci_runs_the_two_commands_on_the_oldest_python_and_a_newer_one():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["test"]
    oldest = PROJECT["project"]["requires-python"].removeprefix(">=")
    pythons = job["strategy"]["matrix"]["python"]
    assert oldest in pythons and any(
        tuple(map(int, p.split("."))) > tuple(map(int, oldest.split("."))) for p in pythons
    )
    commands = [step["run"].split()[:2] for step in job["steps"] if "run" in step]
    assert commands == [["make", "run"], ["make", "test"]]
    pinned = re.search(r"^TORCH := (\S+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned and job["env"]["TORCH"] == f"{pinned[1]}+cpu"


def test_commits_are_judged_by_the_tools_of_the_test_extra():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for hook in hooks:
        tool = hook["entry"].removeprefix(".venv/bin/").replace(" --force-exclude", "")
        assert f"$(BIN)/{tool}" in makefile


def test_a_grammar_goes_by_its_name():
    date = cd.grammar("date")
    assert "1984-06-01" in date and date == cd.grammar(ROOT / "grammars" / "date.toml")
    for path in (ROOT / "grammars").glob("*.toml"):
        assert cd.grammar(path.stem) == cd.grammar(str(path))
    with pytest.raises(InputError, match=r"no grammar 'dat' in the box") as error:
        cd.grammar("dat")
    assert "date" in error.value.hint and "uuid" in error.value.hint
    for path in ("dat.toml", "a/dat", Path("dat")):
        with pytest.raises(InputError, match="cannot be read"):
            cd.grammar(path)


@pytest.mark.parametrize("line", ['accepts = "ab"', "rejects = [1]", "accepts = 5", 'dialect = "perl"'])
def test_a_grammar_of_other_things_than_texts_is_refused(tmp_path, line):
    (tmp_path / "it.toml").write_text(f'pattern = "[ab]*"\n{line}\n')
    with pytest.raises(ConstraintError, match=r"is no list of texts|dialect='perl'"):
        cd.grammar(tmp_path / "it.toml")
    with pytest.raises(ConstraintError, match="dialect="):
        cd.Regex("a", dialect=None)


def test_an_installed_package_has_its_grammars_inside(tmp_path, monkeypatch):
    inside, beside = tmp_path / "in" / "grammars", tmp_path / "grammars"
    monkeypatch.setattr(grammars, "BOXES", (inside, beside))
    for box, pattern in ((beside, "b"), (inside, "i")):
        box.mkdir(parents=True)
        (box / "it.toml").write_text(f'pattern = "{pattern}"')
        assert cd.grammar("it") == cd.Regex(pattern)


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_data_and_nothing_else(tmp_path):
    pytest.importorskip("setuptools")
    shutil.copytree(ROOT, tmp_path / "clone", ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info"))
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), "."]
    done = subprocess.run(build, cwd=tmp_path / "clone", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"ctrldiff-{cd.__version__}-")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    package = {path.relative_to(ROOT) for path in (ROOT / "ctrldiff").rglob("*") if path.is_file()}
    package = {str(path) for path in package if "__pycache__" not in path.parts}
    assert names == package | {f"ctrldiff/grammars/{path.name}" for path in (ROOT / "grammars").glob("*.toml")}
