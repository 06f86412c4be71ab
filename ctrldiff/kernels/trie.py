"""The byte strings of a vocabulary as one tree.

A node is a prefix of some token; what many tokens begin with is walked once. For "a", "ab", "ac", "b":

    0 --a--> 1 --b--> 2       parent [-1 0 1 1 0]    byte [. a b c b]    node [1 2 3 4]
    |         '--c--> 3      numbered as first met, so a parent comes before its children: one pass in order suffices
    '--b--> 4

Plainly (the tests run this beside the kernel): every prefix, numbered.

    def trie(tokens):
        number = {b"": 0}
        for token in tokens:
            for end in range(len(token)):
                number.setdefault(token[: end + 1], len(number))
        return number
"""

import numpy as np

from ctrldiff.kernels.hashing import longer, rehashed, slot
from ctrldiff.kernels.jit import kernel


@kernel
def build_trie(data, offsets, written):  # type: ignore[no-untyped-def]
    """The distinct byte strings of a vocabulary as one tree.

    Args:
        data: (n_bytes,) uint8; token i is data[offsets[i]:offsets[i + 1]].
        offsets: (V + 1,) int64.
        written: (V,) bool, False for a token that is never written.
    Returns: parent (N,) int32 (-1 for the root, node 0; a parent's number is smaller than its child's),
        byte (N,) uint8, node (V,) int32, where each token ends (-1: never written).
    """
    parent, byte = np.empty(1024, np.int32), np.empty(1024, np.uint8)
    keys, values = np.full(4096, -1, np.int64), np.empty(4096, np.int32)
    node = np.full(len(written), -1, np.int32)
    parent[0], byte[0] = -1, 0
    used = np.int64(1)  # a typed start: a literal one would compile every helper twice
    for token in range(len(written)):
        if not written[token]:
            continue
        here = np.int64(0)
        for i in range(offsets[token], offsets[token + 1]):
            key = np.int64(here) * 256 + data[i]  # (node, byte) as one number: the edge itself is what is looked up
            at = slot(keys, key)
            if keys[at] != -1:
                here = values[at]
                continue
            if used == len(parent):
                parent, byte = longer(parent, used, 2 * used), longer(byte, used, 2 * used)
            parent[used], byte[used] = here, data[i]
            keys[at], values[at] = key, used
            here = used
            used += 1
            if 2 * used > len(keys):  # half full at most, so that a look-up stays near its place
                keys, values = rehashed(keys, values)
        node[token] = here
    return parent[:used].copy(), byte[:used].copy(), node
