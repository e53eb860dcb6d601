"""Logarithms, many at once."""

import numpy as np

from online_models.ranking.logarithms import log_all


def test_as_exact_as_float32() -> None:
    """Over all magnitudes, around 1 and at the seams of the mantissa; what lies behind the count stays."""
    magnitudes = np.exp(np.random.default_rng(1).uniform(-80, 80, 10_000))
    seams = np.array([1.0, 2.0, 0.5, 1 + 2**-23, 1 - 2**-24]) * np.sqrt([[0.5], [1.0], [2.0]])
    x = np.concatenate([magnitudes, seams.ravel(), [7.0]]).astype(np.float32)
    expected = np.log(x.astype(np.float64))
    log_all(x, x.size - 1)
    assert np.allclose(x[:-1], expected[:-1], rtol=2.5e-7, atol=1e-9)
    assert x[-1] == 7.0
