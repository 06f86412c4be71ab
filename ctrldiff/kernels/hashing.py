"""Growing arrays and hash tables for kernels. A hash finds candidates; equality is always checked in full.

Both tables have 2**n places and probe linearly: from the place of the hash on, until the key or a free place.

    keys   [ -1  17  -1  42  9  -1  -1  3 ]     42 and 9 hash to place 3: 9 went one further, and is found there.

Plainly (the tests run this beside the kernels) both are a dict: `slot` one from keys to values, `find_run` and
`with_run` one from runs of numbers to their own numbers:

    def numbers(runs):
        known = {}
        return [known.setdefault(tuple(run), len(known)) for run in runs]

Numba has typed dicts, but a key that is a run of an array would have to be copied into a tuple of one length.
"""

import numpy as np

from ctrldiff.kernels.jit import kernel


@kernel
def mix(h, x):  # type: ignore[no-untyped-def]
    """One step of a 64-bit hash."""
    # Fibonacci hashing: 2**64 over the golden ratio. The high bits of the product are the good ones, so they
    # are folded down to where masks look.
    h = (h ^ np.uint64(x)) * np.uint64(0x9E3779B97F4A7C15)
    return h ^ (h >> np.uint64(29))


@kernel
def longer(array, used, size):  # type: ignore[no-untyped-def]
    """A copy of the first `used` entries with room for `size`."""
    more = np.empty(size, array.dtype)
    for i in range(used):  # an assignment to a slice would cost two seconds of compilation
        more[i] = array[i]
    return more


@kernel
def slot(keys, key):  # type: ignore[no-untyped-def]
    """Where `key` (>= 0) is, or the free place (-1) where it belongs, in a table of 2**n places."""
    mask = len(keys) - 1
    at = np.int64(mix(np.uint64(0x51ED270B), key) & np.uint64(mask))
    while keys[at] != -1 and keys[at] != key:
        at = (at + 1) & mask
    return at


@kernel
def rehashed(keys, values):  # type: ignore[no-untyped-def]
    """The same table with twice the places."""
    more_keys = np.full(2 * len(keys), -1, np.int64)
    more_values = np.empty(2 * len(keys), np.int32)
    for i in range(len(keys)):
        if keys[i] != -1:
            at = slot(more_keys, keys[i])
            more_keys[at] = keys[i]
            more_values[at] = values[i]
    return more_keys, more_values


@kernel
def find_run(known, digest, ptr, runs, low, high):  # type: ignore[no-untyped-def]
    """The number of the earlier run that equals `runs[low:high]`, or -1, and the hash of that run.

    Run r is `runs[ptr[r]:ptr[r + 1]]` with hash `digest[r]`; `known` holds run numbers, -1 where free, in
    2**n places.
    """
    # --- the hash of the run in hand
    h = np.uint64(high - low)
    for i in range(low, high):
        h = mix(h, np.int64(runs[i]))
    # --- every earlier run at that place or behind it, up to a free one
    mask = len(known) - 1
    at = np.int64(h & np.uint64(mask))
    while known[at] != -1:
        run = known[at]
        start = ptr[run]
        if digest[run] == h and ptr[run + 1] - start == high - low:
            i = low
            while i < high and runs[start + i - low] == runs[i]:
                i += 1
            if i == high:
                return run, h
        at = (at + 1) & mask
    return -1, h


@kernel
def with_run(known, digest, n):  # type: ignore[no-untyped-def]
    """`known` with run n added, in twice the places when it is more than half full."""
    first = n
    if 2 * n >= len(known):  # a new table: all runs go in again, by the hashes that `digest` kept
        known = np.full(2 * len(known), -1, np.int32)
        first = 0
    mask = len(known) - 1
    for run in range(first, n + 1):
        at = np.int64(digest[run] & np.uint64(mask))
        while known[at] != -1:
            at = (at + 1) & mask
        known[at] = run
    return known
