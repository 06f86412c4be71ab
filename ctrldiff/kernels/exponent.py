"""Exponential and logarithm in float64, of our own: no calls, no branches, so that loops of them become vector code.

Both take a number apart into a power of two and a rest near 1, of which a short series is exact to the last digits:

    exp(d) = 2**k * exp(q)           k = round(d / ln 2),  |q| <= ln(2) / 2:  q**14 / 14! < 5e-18
    log(r) = k * ln 2 + log(m)       r = 2**k * m,  m in [sqrt(1/2), sqrt(2)),  f = (m - 1) / (m + 1),  |f| < .172
             log(m) = 2 (f + f**3 / 3 + f**5 / 5 + ...)

Plainly (the tests run this beside the kernels):

    def exponential(d):
        return np.exp(d)

    def logarithm(r):
        return np.log(r)
"""

from __future__ import annotations

import numpy as np

from ctrldiff.kernels.jit import fused

_LOG2E = 1.4426950408889634
_LN2_HIGH = 6.93147180369123816490e-01  # few bits, so that k * _LN2_HIGH is exact
_LN2_LOW = 1.90821492927058770002e-10
_MAGIC = 6755399441055744.0 + 1023.0  # 1.5 * 2**52 + 1023: adding it rounds to an integer, k + 1023 in the low bits
_LOWEST = -709.0  # gives k = -1023, which is the exponent of 0
_ONES = np.uint64(0x3FF0000000000000)  # the bits of 1.0
_TO_EXPONENT = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)  # 1.0 less sqrt(1/2), in bits
_FIFTY_TWO = np.uint64(52)
_AS_INTEGER = np.uint64(0x4330000000000000)  # the bits of 2.0**52: what is in its low bits is added to it
_OFFSET = 4503599627370496.0 + 1023.0


@fused
def exp64(d: float) -> float:
    """exp(d) for d <= 709 to 2 units in the last place; 0 below -708.7. exp64(0) is 1."""
    y = max(d, _LOWEST)
    z = y * _LOG2E + _MAGIC
    k = z - _MAGIC
    q = (y - k * _LN2_HIGH) - k * _LN2_LOW
    p = 1.0 / 6227020800.0
    p = p * q + 1.0 / 479001600.0
    p = p * q + 1.0 / 39916800.0
    p = p * q + 1.0 / 3628800.0
    p = p * q + 1.0 / 362880.0
    p = p * q + 1.0 / 40320.0
    p = p * q + 1.0 / 5040.0
    p = p * q + 1.0 / 720.0
    p = p * q + 1.0 / 120.0
    p = p * q + 1.0 / 24.0
    p = p * q + 1.0 / 6.0
    p = p * q + 0.5
    p = (p * q * q + q) + 1.0
    return p * np.int64(np.float64(z).view(np.int64) << 52).view(np.float64)


@fused
def log64(r: float) -> float:
    """log(r) for normal r > 0, to 1e-15 of it or of 1. log64(1) is 0."""
    bits = np.float64(r).view(np.uint64)
    e = np.uint64(bits + _TO_EXPONENT) >> _FIFTY_TWO  # k + 1023; unsigned, as no vector code converts signed integers
    m = np.uint64(bits + _ONES - (e << _FIFTY_TWO)).view(np.float64)
    k = np.uint64(e | _AS_INTEGER).view(np.float64) - _OFFSET
    f = np.divide(m - 1.0, m + 1.0)  # not `/`, which looks for a zero first: a branch
    s = f * f
    p = 1.0 / 21.0
    p = p * s + 1.0 / 19.0
    p = p * s + 1.0 / 17.0
    p = p * s + 1.0 / 15.0
    p = p * s + 1.0 / 13.0
    p = p * s + 1.0 / 11.0
    p = p * s + 1.0 / 9.0
    p = p * s + 1.0 / 7.0
    p = p * s + 1.0 / 5.0
    p = p * s + 1.0 / 3.0
    return k * _LN2_HIGH + (k * _LN2_LOW + 2.0 * (f + f * s * p))
