"""Logarithms of many numbers: a loop that the compiler vectorizes, where C functions come one by one.

    x = 2**e m, 1/sqrt(2) <= m < sqrt(2)      log x = e log 2 + 2 artanh((m - 1) / (m + 1))

The series of artanh has five terms: with an argument of at most .172 the rest is below 4e-10 of the result,
less than the precision of float32.
"""

import numpy as np

from online_models.jit import jit_no_alloc
from online_models.tables.layout import F4

__all__ = ["log_all"]

_HALF_ROOT = np.int32(0x3F3504F3)
"""Bits of 1/sqrt(2) as float32."""
_MANTISSA = np.int32(23)
"""Bits of a float32 behind its exponent."""
_LOG_2 = np.float32(0.6931471805599453)
_THIRD, _FIFTH, _SEVENTH, _NINTH = (np.float32(2.0 / n) for n in (3, 5, 7, 9))
_ONE, _TWO = np.float32(1.0), np.float32(2.0)


@jit_no_alloc
def log_all(x: F4, n: int) -> None:
    """Replace the first ``n`` numbers, positive and finite, by their natural logarithms."""
    for k in range(n):
        bits = np.float32(x[k]).view(np.int32)
        # Subtracting the bits of 1/sqrt(2) rounds the exponent so that m lies around 1, not above it
        e = np.int32(np.int32(bits - _HALF_ROOT) >> _MANTISSA)
        m = np.int32(bits - np.int32(e << _MANTISSA)).view(np.float32)
        s = (m - _ONE) / (m + _ONE)
        z = s * s
        series = _TWO + z * (_THIRD + z * (_FIFTH + z * (_SEVENTH + z * _NINTH)))
        x[k] = np.float32(e) * _LOG_2 + s * series
