"""Common random numbers: draws keyed by purpose, viewer and time, equal under all policies.

A sequential generator gives two policies different numbers as soon as one viewer acts differently. Here a
draw is a hash of (seed, purpose, viewer, time, index), so that the difference between two policies has no
sampling noise.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Floats", "Hashes", "Ints", "gumbel", "keyed", "uniform"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]


_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""The increment and the two factors of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
_NUMPYS = tuple(np.uint64(each) for each in (_GOLDEN, _FIRST, _SECOND, 30, 27, 31))
"""The same and the three shifts as numpy's numbers, made once."""
_ALL = (1 << 64) - 1
"""All bits of a hash."""
_FEW = 6
"""So many numbers take Python less time (2 us, and 1 us each) than numpy's nine operations (9 us)."""


def _mix(state: Hashes) -> Hashes:
    """Take a step of SplitMix64, number by number."""
    if state.size <= _FEW:
        return np.array([*map(_mix_one, state.ravel().tolist())], np.uint64).reshape(state.shape)
    golden, first, second, by_30, by_27, by_31 = _NUMPYS
    z = state + golden
    z ^= z >> by_30  # in place: half of the time on arrays of a few numbers
    z *= first
    z ^= z >> by_27
    z *= second
    z ^= z >> by_31
    return z


def _mix_one(state: int) -> int:
    """Take the same step with one number."""
    z = (state + _GOLDEN) & _ALL
    z = ((z ^ (z >> 30)) * _FIRST) & _ALL
    z = ((z ^ (z >> 27)) * _SECOND) & _ALL
    return z ^ (z >> 31)


def keyed(*parts: "int | npt.ArrayLike | Hashes") -> Hashes:
    """Hash integers, broadcast against each other, into 64 bits each.

    Parameters
    ----------
    parts
        Integers from 0, or hashes; of any shapes that broadcast.

    Examples
    --------
    >>> keyed(1, [2, 3]).shape, bool(keyed(1, 2) == keyed(2, 1))
    ((2,), False)
    """
    hashed: Hashes | int = 0
    for part in parts:
        # Seed and purpose are single numbers: Python's are ten times as fast as arrays of one.
        if isinstance(part, int) and isinstance(hashed, int):
            hashed = _mix_one(hashed ^ _mix_one(part))
        else:
            hashed = _mix(np.uint64(hashed) ^ _mix(np.atleast_1d(np.asarray(part)).astype(np.uint64)))
    return np.atleast_1d(np.asarray(hashed, np.uint64))


def uniform(*parts: "npt.ArrayLike | Hashes") -> Floats:
    """Return draws in [0, 1), one per key (see `keyed`)."""
    drawn: Floats = (keyed(*parts) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return drawn


def gumbel(*parts: Any) -> Floats:  # noqa: ANN401 - as for keyed
    """Return draws from the standard Gumbel: the argmax of utility plus noise is a softmax draw."""
    drawn: Floats = -np.log(-np.log(np.maximum(uniform(*parts), 2.0**-53)))
    return drawn
