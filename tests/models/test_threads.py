"""Threads: what the container allows, what the network is worth, and what the user said himself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ctrldiff.errors import InputError
from ctrldiff.models import threads


@pytest.fixture
def cores(monkeypatch):
    """Eight cores of a machine whose torch is at its default, and what torch is told."""
    told = [8]
    monkeypatch.setattr(threads, "_affinity", lambda: set(range(8)))
    monkeypatch.setattr(threads, "_ours", {})
    monkeypatch.setattr(threads, "defaults", lambda: {8, 4})
    monkeypatch.setattr(threads, "cpu_quota", lambda root, own: None)
    monkeypatch.setattr(torch, "get_num_threads", lambda: told[-1])
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    for name in threads.SAID:
        monkeypatch.delenv(name, raising=False)
    return told


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("own", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/a/b\n", {"cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n", "a/b/cpu.max": "max 100000\n"}, 2.0),
        ("0::/a\n", {"cpu.max": "50000 100000\n", "a/cpu.max": "400000 100000\n"}, 0.5),
        ("0::/../b\n", {"cpu.max": "300000 100000\n"}, 3.0),
        ("", {"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 2.5),
        (
            "4:cpu,cpuacct:/x\n",
            {"cpu,cpuacct/x/cpu.cfs_quota_us": "-1", "cpu,cpuacct/x/cpu.cfs_period_us": "100000"},
            None,
        ),
        ("4:cpuacct,cpu:/x\n", {"cpu/x/cpu.cfs_quota_us": "100000", "cpu/x/cpu.cfs_period_us": "50000"}, 2.0),
        ("0::/\n", {"cpu.max": ""}, None),
        ("0::/\n", {"cpu.max": "some words here\n"}, None),
        ("0::/\n", {"cpu.max": "0 0\n"}, None),
        ("nonsense", {}, None),
    ],
)
def test_the_quota_of_a_container_is_read_in_both_versions(tmp_path, own, files, quota):
    root = write(tmp_path / "cgroup", files)
    root.mkdir(exist_ok=True)
    (tmp_path / "own").write_text(own)
    assert threads.cpu_quota(root, tmp_path / "own") == quota


def test_cores_are_those_that_are_seen_and_allowed_and_at_least_one(tmp_path, monkeypatch):
    monkeypatch.setattr(threads, "_affinity", lambda: {0, 1, 2, 3})
    own = tmp_path / "own"
    own.write_text("0::/\n")
    for said, cores in (("max 100000", 4), ("250000 100000", 2), ("20000 100000", 1), ("900000 100000", 4)):
        assert threads.usable_cpus(write(tmp_path / "cgroup", {"cpu.max": said}), own) == cores
    assert threads.usable_cpus(tmp_path / "none", tmp_path / "none") == 4


def test_a_small_network_gets_one_thread_and_a_large_one_all_that_are_allowed(cores, monkeypatch):
    threads.settle(threads.SMALL)
    assert cores[-1] == 1
    threads.settle(threads.SMALL + 1)
    assert cores[-1] == 8
    threads.settle(10)  # beside a large one
    assert cores[-1] == 8
    monkeypatch.setattr(threads, "_ours", {})
    monkeypatch.setattr(threads, "cpu_quota", lambda root, own: 2.5)
    threads.settle(threads.SMALL + 1)
    assert cores[-1] == 2


@pytest.mark.parametrize("name", threads.SAID)
def test_what_the_user_says_in_the_environment_stays(cores, monkeypatch, name):
    monkeypatch.setenv(name, "8")
    threads.settle(10)
    assert cores == [8]


def test_what_the_user_says_to_torch_stays_before_and_after(cores):
    cores.append(3)
    threads.settle(10)
    assert cores[-1] == 3
    cores.append(8)
    threads.settle(10)
    cores.append(5)
    threads.settle(10)
    assert cores[-1] == 5


def test_a_number_given_is_the_number_and_stays(cores):
    threads.settle(10, 6)
    threads.settle(10)
    assert cores == [8, 6]
    for wrong in (0, -1, 1.5, True, "2"):
        with pytest.raises(InputError, match="threads="):
            threads.settle(10, wrong)


@pytest.mark.slow
def test_nothing_is_set_by_an_import_and_one_thread_by_loading_the_small_model():
    code = """
import torch
torch.get_num_threads = lambda: told[-1]
torch.set_num_threads = lambda number: told.append(number)
from ctrldiff.models import threads
told = [max(threads.defaults())]
import ctrldiff as cd
cd.Generator, cd.from_pretrained
assert len(told) == 1
cd.from_pretrained("tiny")
print(told[-1])
cd.from_pretrained("tiny", threads=3)
print(told[-1])
"""
    environment = {name: value for name, value in os.environ.items() if name not in threads.SAID}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert run.stdout.split() == ["1", "3"]


def test_kernels_take_no_threads_of_their_own():
    jit = (Path(threads.__file__).parents[1] / "kernels").glob("*.py")
    assert not any("parallel=True" in path.read_text() or "prange" in path.read_text() for path in jit)
