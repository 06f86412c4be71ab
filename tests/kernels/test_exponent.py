"""Our own exponential and logarithm, against numpy's."""

import numpy as np

from ctrldiff.kernels import exponent
from ctrldiff.kernels.exponent import exp64, log64
from tests.kernels.test_twins import twin

PLAIN = twin(exponent)


def test_exp_is_exact_to_the_last_digits_and_zero_far_down():
    d = np.linspace(-708, 709, 20001)
    np.testing.assert_allclose([exp64(v) for v in d], PLAIN.exponential(d), rtol=5e-16)
    assert exp64(0.0) == 1 and exp64(-709.0) == exp64(-np.inf) == 0


def test_log_is_exact_to_the_last_digits():
    r = np.concatenate([np.exp(np.linspace(-620, 620, 20001)), 1 + np.linspace(-0.5, 1, 2001)])
    np.testing.assert_allclose([log64(v) for v in r], PLAIN.logarithm(r), rtol=5e-16, atol=5e-16)
    assert log64(1.0) == 0 and log64(2.0) == np.log(2.0)
