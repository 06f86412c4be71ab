"""Every substring of a text, as an automaton built from left to right in linear time.

Blumer et al., "The smallest automaton recognizing the subwords of a text", 1985.

Two substrings are one state when they end at the same places of the text. Of a state's substrings, the longest has
`length`, and each of the others is a suffix of it; `link` leads to the state of the longest suffix that ends at more
places. Reading "abb", where the second b finds that "b" ends at more places than "ab" does:

    0 --a--> 1 --b--> 2 --b--> 3        state 2 was {"ab", "b"}, ends {2}. After the second b, "b" ends at {2, 3}:
    0 --b--> 4 --b--> 3                 `copy` 4 takes "b" with 2's ways on, and 2 keeps "ab"; link[2] = link[3] = 4

Plainly (the tests run this beside the kernel): every substring, and where its first occurrence ends.

    def substrings(text):
        ends = {}
        for end in range(len(text) + 1):
            for begin in range(end + 1):
                ends.setdefault(text[begin:end], end)
        return ends
"""

import numpy as np

from ctrldiff.kernels.jit import kernel


@kernel
def suffix_automaton(symbols, n_symbols):  # type: ignore[no-untyped-def]
    """The suffix automaton of a text: every way from state 0 spells a substring, and every substring is spelled.

    Args:
        symbols: (n,) uint8, each below `n_symbols`.
        n_symbols: K.
    Returns: table (S, K) int32 next states (-1: no such substring), S <= 2 n + 1; end (S,) int64, how much of the text
        stands before the end of the first occurrence of what a state has read (0 for the start).
    """
    n = len(symbols)
    table = np.full((2 * n + 1, n_symbols), -1, np.int32)
    link, length = np.full(2 * n + 1, -1, np.int32), np.zeros(2 * n + 1, np.int64)
    end = np.zeros(2 * n + 1, np.int64)
    used, last = 1, 0
    for i in range(n):
        # p: a suffix of what is read; q: where it goes by c; copy: the part of q that ends here too
        c, new = symbols[i], used
        used += 1
        length[new], end[new] = length[last] + 1, i + 1
        # --- suffixes of what is read that were never followed by c: now they are
        p = last
        while p != -1 and table[p, c] == -1:
            table[p, c] = new
            p = link[p]
        # --- the longest suffix that was: all shorter ones were too
        if p == -1:
            link[new] = 0  # c is new to the text
        else:
            q = table[p, c]
            if length[q] == length[p] + 1:
                link[new] = q  # q is that suffix and c, and no more: nothing of it ends elsewhere now
            else:
                # q also holds longer strings, which do not end here: those stay, the others move to the copy.
                copy = used
                used += 1
                table[copy], link[copy], end[copy] = table[q], link[q], end[q]
                length[copy] = length[p] + 1
                while p != -1 and table[p, c] == q:  # shorter suffixes led to q too
                    table[p, c] = copy
                    p = link[p]
                link[q], link[new] = copy, copy
        last = new
    return table[:used].copy(), end[:used].copy()
