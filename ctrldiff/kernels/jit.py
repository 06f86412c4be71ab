"""The one decorator every kernel wears.

No fast-math: it lets the compiler assume that infinities never happen, and -inf means *forbidden* here.
"""

from numba import njit

kernel = njit(cache=True, nogil=True)
