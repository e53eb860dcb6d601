"""Checks of a signals record: what no worker writes is recognized before a kernel reads it.

Kernels do not check indexes. A number that is too large would let them read and write other memory, and a
title's id with a control character would be the key of a row that is the stage's own.
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from online_models.artwork.features import FITS
from online_models.feedback.devices import KINDS
from online_models.feedback.reward_function import Action, action_table
from online_models.ranking.viewer_side import MAX_WEIGHT
from online_models.tables.layout import U1, U2, Signals
from schemas.fields import MAX_TIME_MS
from streams.stages.wire.attribution import AttributionUpdates

__all__ = ["CHOSEN", "LEARNED", "fault_of_names", "fault_of_signals", "fault_of_updates"]

CHOSEN: Final = action_table(Action.POSITIVE, Action.KNOWN)
"""Actions that choose a title: their signals have the viewer's vectors."""
LEARNED: Final = CHOSEN | action_table(Action.REJECT, Action.TOUCH)
"""Actions from which titles learn."""
_LONGEST_ID: Final = 64  # characters (`schemas.fields.Id`)
_LONGEST_QUERY: Final = 256  # `schemas.fields.Text`
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")
_CAPITALS: Final = frozenset(range(ord("A"), ord("Z") + 1))
MAX_VECTOR: Final = 1_000.0
"""Largest number in a representation or gradient: some hundred times what learning makes of them."""
MAX_TRIALS: Final = 1_000
"""Most trials or wins in one update, which tells of one impression."""


def fault_of_names(names: Sequence[str]) -> str | None:
    """Return what is wrong with ids of titles; an empty one is of a title that its sender knew by key."""
    bad = max(map(len, names), default=0) > _LONGEST_ID or _CONTROL.search("".join(names))
    return "an id is too long, or has control characters" if bad else None


def fault_of_signals(signals: Signals, countries: U2, devices: U1) -> str | None:
    """Return what is wrong with the columns of a record; None: nothing."""
    s = signals
    vectors = _within(s.x, -MAX_VECTOR, MAX_VECTOR) and _within(s.gradient, -MAX_VECTOR, MAX_VECTOR)
    weights = _within(s.weight, 0.0, MAX_WEIGHT) and _within(s.change, -2 * MAX_WEIGHT, 2 * MAX_WEIGHT)
    lengths = (s.depth <= s.history.shape[1]).all() and (s.session_items <= s.depth).all()
    places = (devices <= len(KINDS)).all() and all(map(_is_country, {*countries.tolist()}))
    sound = {
        "an action is none that titles learn": LEARNED[s.action].all(),
        "a history is longer than its room": lengths,
        "a weight is out of range": weights,
        "a vector is out of range": vectors,
        "a time is out of range": _within(s.at, 0, MAX_TIME_MS - 1),
        "a country or a kind of device is unknown": places,
    }
    return next((fault for fault, holds in sound.items() if not holds), None)


def fault_of_updates(updates: AttributionUpdates) -> str | None:
    """Return what is wrong with attribution updates; None: nothing."""
    names = [name for one in updates.artwork for name in (one.title_id, one.artwork)]
    asked = [one.query for one in updates.queries]
    times = [*(one.at_ms for one in updates.artwork), *(one.at_ms for one in updates.queries)]
    counts = [abs(n) for one in updates.artwork for n in (one.trials, one.wins)]
    sound = {
        "a query is too long, or has control characters": all(
            0 < len(query) <= _LONGEST_QUERY and not _CONTROL.search(query) for query in asked
        ),
        "a time is out of range": all(0 <= at < MAX_TIME_MS for at in times),
        "an update of artwork is out of range": max(counts, default=0) <= MAX_TRIALS
        and all(0 <= one.fit < FITS for one in updates.artwork),
    }
    names += [one.title_id for one in updates.queries]
    return fault_of_names(names) or next((fault for fault, holds in sound.items() if not holds), None)


def _within(values: NDArray[np.generic], low: float, high: float) -> bool:
    """Return whether all values are in a range; NaN is in none."""
    return bool(((values >= low) & (values <= high)).all())  # type: ignore[operator]


def _is_country(code: int) -> bool:
    """Return whether a code is that of two capital letters, or 0."""
    return code == 0 or {code & 0xFF, code >> 8} <= _CAPITALS
