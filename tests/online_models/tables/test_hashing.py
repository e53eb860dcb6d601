"""Keyed randomness and the map from keys to rows."""

import numpy as np

from online_models.tables.hashing import below, mix
from online_models.tables.keyed_random import fill_keyed


def test_mix_is_splitmix() -> None:
    """The first numbers of the reference implementation from state 0."""
    gamma, state, drawn = 0x9E3779B97F4A7C15, 0, []
    for _ in range(3):
        drawn.append(int(mix(np.uint64(state))))
        state = (state + gamma) % 2**64
    assert drawn == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_below_covers_its_range_evenly() -> None:
    """Ten thousand draws below 7 spread as chance says (chi square, 6 degrees of freedom, p = 1e-6)."""
    counts = np.bincount([below(np.uint64(mix(np.uint64(n))), 7) for n in range(10_000)], minlength=7)
    assert counts.size == 7
    assert ((counts - 10_000 / 7) ** 2 / (10_000 / 7)).sum() < 38.3


def test_fill_is_keyed_and_scaled() -> None:
    """Seed, side and key each change the vector; mean 0 and the scale asked for."""
    drawn = {}
    for name in ((0, 0, 2), (1, 0, 2), (0, 1, 2), (0, 0, 4)):
        row = np.zeros(4_000, np.float32)
        fill_keyed(row, name[0], name[1], np.uint64(name[2]), 0.05)
        drawn[name] = row
        assert abs(row.mean()) < 0.004
        assert abs(row.std() - 0.05) < 0.001
    assert len({row.tobytes() for row in drawn.values()}) == 4
