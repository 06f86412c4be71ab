"""Kernels run where nothing can be kept."""

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from numba.core import caching

from ctrldiff.kernels import jit

ROOT = Path(__file__).parents[2]
CODE = """
import warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    import ctrldiff as cd
    vocabulary = cd.Vocabulary.from_tokens([b"a", b"b", None], stop_ids=[2])
    table = cd.Regex("a+b").compile(vocabulary)
assert cd.__file__.startswith(HERE), cd.__file__
print(table.shortest, sum("NUMBA_CACHE_DIR" in str(one.message) for one in told))
"""


def test_a_kernel_that_cannot_be_kept_is_compiled_and_that_is_said_once(monkeypatch):
    class Nowhere:
        @classmethod
        def from_function(cls, function, path):
            return None

    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [Nowhere])
    monkeypatch.setattr(jit, "KERNELS", [])
    monkeypatch.delenv("NUMBA_CACHE_LOCATOR_CLASSES", raising=False)
    jit._say_once.cache_clear()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        kernels = [jit.kernel(lambda x: x + 1), jit.kernel(lambda x: x + 2)]
    assert [str(one.message) for one in told if "NUMBA_CACHE_DIR" in str(one.message)] == [str(told[0].message)]
    assert len(told) == 1 and [kernel(1) for kernel in kernels] == [2, 3]


def test_another_error_is_not_taken_for_that(monkeypatch):
    def broken(**how):
        raise RuntimeError("something else")

    monkeypatch.setattr(jit, "njit", broken)
    with pytest.raises(RuntimeError, match="something else"):
        jit.kernel(lambda x: x)


# Permissions do not bind root; without its capabilities they do. The call is Linux's, version 3 of its header.
POWERLESS = """
import ctypes
header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert ctypes.CDLL(None, use_errno=True).capset(header, none) == 0
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no users here")
@pytest.mark.parametrize("kept", [False, True])
def test_a_package_that_cannot_be_written_to_starts_without_a_home(tmp_path, kept):
    """Nor can the cache of automata be written there."""
    if os.getuid() == 0 and sys.platform != "linux":
        pytest.skip("root may write everywhere")
    shutil.copytree(ROOT / "ctrldiff", tmp_path / "site" / "ctrldiff", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (tmp_path / "site").rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    (tmp_path / "site").chmod(0o555)
    home = tmp_path / "site" / "nobody"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(tmp_path / "site")}
    if kept:
        environment["NUMBA_CACHE_DIR"] = str(tmp_path / "cache")
    code = (POWERLESS if os.getuid() == 0 else "") + CODE.replace("HERE", repr(str(tmp_path)))
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, cwd="/")
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["2", "0" if kept else "1"]
    assert not home.exists() and (tmp_path / "cache").exists() == kept
