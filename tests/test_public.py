"""What `import ctrldiff` offers, and what it costs."""

import importlib
import inspect
import subprocess
import sys

import pytest

import ctrldiff
from tests.conftest import modules

HEAVY = ("torch", "numba", "transformers", "pydantic", "scipy")


def test_all_is_complete_and_sorted():
    assert ctrldiff.__all__ == sorted([*ctrldiff._HOME, *ctrldiff._PAGES]) == sorted(set(ctrldiff.__all__))
    assert set(ctrldiff.__all__) <= set(dir(ctrldiff))


@pytest.mark.parametrize("name", ctrldiff._PAGES)
def test_every_public_page_is_a_module_whose_names_are_sorted_and_there(name):
    page = getattr(ctrldiff, name)
    assert page.__name__ == ctrldiff._PAGES[name] and page.__doc__ and page.__all__ == sorted(page.__all__)
    assert all(inspect.getdoc(getattr(page, one)) for one in page.__all__)


@pytest.mark.parametrize("name", ctrldiff._HOME)
def test_every_public_name_is_there_and_says_what_it_is(name):
    value = getattr(ctrldiff, name)
    assert value.__module__ == ctrldiff._HOME[name] and inspect.getdoc(value)


def test_type_checkers_see_the_same_names():
    source = inspect.getsource(ctrldiff)
    for name, home in ctrldiff._HOME.items():
        lines = [line for line in source.splitlines() if line.strip().startswith(f"from {home} import")]
        assert any(name in line.partition("import")[2].replace(",", " ").split() for line in lines), name


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Regexp"):
        _ = ctrldiff.Regexp


@pytest.mark.parametrize("name", modules())
def test_everything_public_has_a_docstring(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} says what it is"
    for label, value in vars(module).items():
        if label.startswith("_") or getattr(value, "__module__", None) != name:
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            written = value.__doc__ or ""
            assert written and not written.startswith(f"{label}("), f"{name}.{label} has no docstring"


def loaded_after(code: str) -> set[str]:
    """The heavy packages in sys.modules after some code ran in a fresh interpreter."""
    code += f"\nimport sys\nprint('HEAVY', *[name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.rpartition("HEAVY")[2].split())


def test_importing_costs_neither_torch_nor_numba():
    assert loaded_after("import ctrldiff") == set()


def test_help_costs_neither_torch_nor_numba():
    code = """
import sys
sys.argv = ["ctrldiff", "--help"]
from ctrldiff.cli import main
try:
    main()
except SystemExit as done:
    assert not done.code
"""
    assert loaded_after(code) == set()
