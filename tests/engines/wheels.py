"""Other projects' released code on the CPU: the modules that are wanted are theirs, every other one is a stand-in.

`CTRLDIFF_WHEELS` names a folder made by `pip install --no-deps --target FOLDER sglang==0.5.23 vllm==0.33.0 msgspec`.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import os
import sys
from collections.abc import Mapping
from importlib.metadata import PathDistribution
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest

FOLDER = os.environ.get("CTRLDIFF_WHEELS", "")


class Nothing:
    """Stands for a name that is imported and not used: called, indexed, decorated with or derived from."""

    def __call__(self, *args, **named):
        return args[0] if len(args) == 1 and not named and callable(args[0]) else Nothing()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()

    def __getitem__(self, key):
        return Nothing()

    def __or__(self, other):
        return Nothing()

    __ror__ = __or__

    def __mro_entries__(self, bases):
        return ()


class Module(ModuleType):
    """A module that has every name."""

    __path__: ClassVar[list[str]] = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing()


class Finder:
    """Finds the modules of one package: theirs in `real`, stand-ins with the names in `given` for all others."""

    def __init__(self, package: str, real: tuple[str, ...], given: Mapping[str, Mapping[str, object]]):
        self.package, self.real, self.given = package, real, given

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] != self.package:
            return None
        if name in self.real:
            return importlib.machinery.PathFinder.find_spec(name, [str(Path(FOLDER, *name.split(".")[:-1]))])
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Module(spec.name)

    def exec_module(self, module):
        module.__dict__.update(self.given.get(module.__name__, {}))


@pytest.fixture
def released(monkeypatch):
    """`released(package, version, real, given)` puts a package's own modules on the path for one test."""
    added: list[Finder] = []

    def use(package, version, real, given=None):
        found = [] if not FOLDER else list(Path(FOLDER).glob(f"{package}-*.dist-info"))
        if not found or PathDistribution(found[0]).version != version:
            pytest.skip(f"{package} {version} is not in CTRLDIFF_WHEELS")
        monkeypatch.syspath_prepend(FOLDER)
        added.append(Finder(package, real, given or {}))
        sys.meta_path.insert(0, added[-1])

    yield use
    for finder in added:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if name.split(".")[0] == finder.package]:
            del sys.modules[name]
