"""How many threads torch gets: one for a small network, and never more than the container may use.

Torch takes a thread for every core that it sees. They wait for each other by spinning: with other work on those cores,
or in a container that may use less of them than it sees, a small network is many times slower than on one thread.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

import torch

from ctrldiff.errors import InputError

# Bytes of weights. With `tiny` (10 MB), 36 documents on two busy cores took 77 s with two threads and 5.6 s with one.
# Where more threads begin to pay was not measured; it lies above.
SMALL = 64 << 20
SAID = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")  # what a user says so himself with, before torch is started

_ours: dict[str, int] = {}  # "default": what torch had before; "set": what was set here last


def settle(weights: int, threads: int | None = None) -> None:
    """Set torch's threads for a network on the CPU, once it is loaded.

    A number that the user chose stays: by `OMP_NUM_THREADS` or `MKL_NUM_THREADS`, or by `torch.set_num_threads`, which
    is known by a number that is neither torch's own default nor ours. A network never takes threads from a larger one
    that was loaded before.

    Args:
        weights: bytes of its weights.
        threads: so many, whatever else is said.
    Raises: InputError for a number of threads below one.
    """
    if threads is not None:
        if type(threads) is not int or threads < 1:
            raise InputError(f"threads={threads!r}: an int of at least 1", param="threads")
        torch.set_num_threads(threads)
        _ours.clear()  # from now on it is the user's
        return
    now = torch.get_num_threads()
    if any(os.environ.get(name) for name in SAID) or now not in (_ours.get("set"), *defaults()):
        return
    most = min(_ours.setdefault("default", now), usable_cpus())
    number = 1 if weights <= SMALL else most
    number = max(number, _ours.get("set", 1))
    if number != now:
        torch.set_num_threads(number)
    _ours["set"] = number


def defaults() -> set[int]:
    """What torch may have chosen by itself: every core that it sees, hyperthreads counted or not."""
    seen = _affinity()
    cores = set()
    for cpu in seen:
        path = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(path.read_text().strip() if path.is_file() else str(cpu))
    return {len(seen), len(cores)} if hasattr(os, "sched_getaffinity") else {len(seen), max(1, len(seen) // 2)}


def usable_cpus(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """Cores that this process may use: those that it sees, or the container's quota where that is less; at least one.

    Args:
        root, own: where the control groups and this process's place in them stand.
    """
    quota = cpu_quota(root, own)
    seen = len(_affinity())
    return seen if quota is None else max(1, min(seen, math.floor(quota)))


def cpu_quota(root: Path, own: Path) -> float | None:
    """Cores' worth of time that the control groups allow, version 1 or 2; None: no limit, or none that can be read."""
    limits = []
    for folder in _groups(root, own):
        for path in (folder, *folder.parents):
            if not path.is_relative_to(root):
                break
            limits.append(_limit(path))
    return min((one for one in limits if one is not None), default=None)


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _groups(root: Path, own: Path) -> list[Path]:
    """The folders of this process's groups that may hold a quota. Inside a container its own group is the root."""
    found = [root, root / "cpu", root / "cpu,cpuacct"]
    for line in (_read(own) or "").splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        path = path.lstrip("/")
        if ".." in Path(path).parts:  # a group outside of what is mounted here
            continue
        if not controllers:
            found.append(root / path)
        elif "cpu" in controllers.split(","):
            found += [root / name / path for name in ("cpu", "cpu,cpuacct")]
    return found


def _limit(folder: Path) -> float | None:
    """The quota of one group: version 2's `cpu.max`, version 1's quota over its period."""
    said = (_read(folder / "cpu.max") or "").split()
    if not said:
        said = [_read(folder / f"cpu.cfs_{name}_us") or "" for name in ("quota", "period")]
    try:
        quota, period = (int(one) for one in said)
    except ValueError:  # "max", or no such files
        return None
    return quota / period if quota > 0 and period > 0 else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
