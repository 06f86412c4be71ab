"""What an installed ctrldiff holds."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

import ctrldiff as cd
from ctrldiff.constraints import grammar as grammars
from ctrldiff.errors import InputError

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_package_is_named():
    on_disk = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "ctrldiff").rglob("__init__.py")}
    named = PROJECT["tool"]["setuptools"]["packages"]
    assert named == sorted(on_disk | {"ctrldiff.grammars"})


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
