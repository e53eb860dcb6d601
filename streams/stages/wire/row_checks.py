"""Checks of stored rows of viewers, titles, segments and cohorts, before kernels read what no worker wrote.

Rows come from a changelog, to which nobody but workers should have the right to write. Kernels do not check
indexes, and one number that is not finite would spread to all that is learned with it.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from online_models.config import WAYS, ModelConfig
from online_models.errors import ConfigMismatchError
from online_models.tables.feedback_layout import BINS, BUCKETS
from online_models.tables.layout import F4, F8, I8, U8
from online_models.tables.rows import PackedTitles
from schemas.fields import MAX_TIME_MS

__all__ = [
    "require_sound_cohorts",
    "require_sound_segment",
    "require_sound_titles",
    "require_sound_viewers",
]

_MOST: Final = 1e9
"""Largest number in a row: weights and vectors are a few units, counters of watches stay below it."""
_MOST_VERSION: Final = 255
"""Of the four bytes of a row's version `RowVersions` reads the first one."""
_MOST_SEQ: Final = (1 << 53) - 1  # `schemas.fields.Seq`
_COUNTS: Final = ("acc", "positives", "session_items", "streak_items", "ring_n", "seq")
"""Columns of a viewer's row that are never below 0."""
_CAPITALS: Final = (ord("A"), ord("Z"))


def require_sound_titles(packed: PackedTitles, config: ModelConfig) -> None:
    """Raise `ConfigMismatchError` if a title's row has a number out of its range."""
    rows, most = packed.fixed, config.cowatch.neighbours // WAYS
    floats = ("bias", "acc", "watches", "trend", "out", "inp")
    sound = all(_bounded(rows[name]) for name in floats) and _is_time(rows["trend_at"])
    sound = sound and _bounded(packed.pairs["weight"]) and bool((packed.pairs["key"] != 0).all())
    sound = sound and bool(((rows["sets"] >= 0) & (rows["sets"] <= most)).all())
    sound = sound and bool((rows["version"] <= _MOST_VERSION).all())
    if not (sound and (rows["acc"] >= 0).all() and (rows["counts"] >= 0).all()):
        _refuse("a title's row")


def require_sound_viewers(rows: NDArray[np.void]) -> None:
    """Raise `ConfigMismatchError` if the fixed part of a viewer's row has a number out of its range."""
    interaction = rows["interaction"]
    floats = [rows[name] for name in ("acc", "taste", "rejected_weight", "finished_weight", "intent_weight")]
    floats += [interaction[name] for name in ("watched_before", "watched_now", "implicit", "explicit")]
    sound = (
        all(map(_bounded, floats))
        and all(map(_is_time, (rows["last_at"], rows["stated_at"], interaction["at"])))
        and all((rows[name] >= 0).all() for name in _COUNTS)
        and (rows["seq"] <= _MOST_SEQ).all()
        and (interaction["bucket"] < BUCKETS).all()
        and (interaction["bin"] <= BINS).all()
        and _are_letters(rows["country"])
        and _are_letters(rows["language"], lower=True)
    )
    if not sound:
        _refuse("a viewer's row")


def require_sound_segment(keys: U8, counts: F8, since_ms: int, newest_ms: int) -> None:
    """Raise `ConfigMismatchError` if a segment's row has a number out of its range.

    Counts are in units of ``since_ms``: a newest watch from before it has no unit.
    """
    sound = keys.shape == counts.shape and keys.ndim == 1 and _is_count(counts)
    if not (sound and 0 <= since_ms <= newest_ms < MAX_TIME_MS):
        _refuse("a segment's row")


def require_sound_cohorts(
    *, times: I8, seen: I8, mass: F8, centre: F4, watched: F8, shape: tuple[int, ...], longest_ms: float
) -> None:
    """Raise `ConfigMismatchError` if the cohorts' row has a number out of its range.

    Parameters
    ----------
    times, seen, mass, centre, watched
        Columns of the row.
    shape
        Cohorts, and titles of each.
    longest_ms
        Longest time from when a watch counts its weight to the newest one.
    """
    sound = times.shape == (2,) and seen.shape == (1,) and mass.shape == shape[:1] and watched.shape == shape
    sound = sound and _is_time(times) and 0 <= int(times[1]) - int(times[0]) <= longest_ms
    if not (sound and seen[0] >= 0 and _is_count(mass) and _is_count(watched) and _bounded(centre)):
        _refuse("the cohorts' row")


def _is_count(values: F8) -> bool:
    """Return whether all numbers are finite, and none is negative; NaN is."""
    return bool(((values >= 0) & (values < np.inf)).all())


def _bounded(values: NDArray[Any]) -> bool:
    """Return whether all numbers are finite and of a sane size; NaN is not."""
    return bool((np.abs(values) <= _MOST).all())


def _is_time(values: NDArray[Any]) -> bool:
    return bool(((values >= 0) & (values < MAX_TIME_MS)).all())


def _are_letters(codes: NDArray[Any], *, lower: bool = False) -> bool:
    """Return whether codes are 0 or two ASCII letters, capitals unless they are of languages."""
    first, last = (code + 32 * lower for code in _CAPITALS)
    low, high = codes & 0xFF, codes >> 8
    letters = (low >= first) & (low <= last) & (high >= first) & (high <= last)
    return bool((letters | (codes == 0)).all())


def _refuse(kind: str) -> None:
    msg = f"{kind} has a number out of its range"
    raise ConfigMismatchError(msg)
