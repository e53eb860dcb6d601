"""Fields of the packed rows of viewers and titles, version by version.

:mod:`online_models.tables.row_versions` describes how to add a version.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.config import WAYS, ModelConfig
from online_models.tables.feedback_layout import (
    CHOICE,
    FINISHED_TITLES,
    INTENTS,
    INTERACTION,
    INTERACTIONS,
    MY_LIST_SIZE,
    REJECTIONS,
    SHOWN,
    STATED_TAGS,
)
from online_models.tables.layout import I8, RING
from online_models.tables.row_versions import Fields, RowVersions, with_fields_of

__all__ = ["NEIGHBOUR", "TITLE_ROWS", "VIEWER_ROWS", "PackedTitles"]


def _viewer_1(config: ModelConfig) -> Fields:
    return [
        ("version", "u1"),
        ("limit", "u1"),
        ("country", "<u2"),
        ("known", "<i4"),
        ("positives", "<i4"),
        ("last_at", "<i8"),
        ("seq", "<i8"),
        ("ring_n", "<i4"),
        ("acc", "<f4"),
        ("ring", "<u8", (RING,)),
        ("taste", "<f4", (config.factorization.factors,)),
        ("rejected", "<u8", (REJECTIONS,)),
        ("rejected_at", "<u4", (REJECTIONS,)),
        ("rejected_weight", "<f4", (REJECTIONS,)),
        ("interaction_title", "<u8", (INTERACTIONS,)),
        ("interaction", INTERACTION, (INTERACTIONS,)),
        ("shown", "<u4", (SHOWN,)),
        ("shown_n", "u1", (SHOWN,)),
        ("stated_tags", "<u4", (STATED_TAGS,)),
        ("language", "<u2"),
        ("my_list", "<u8", (MY_LIST_SIZE,)),
        ("finished", "<u8", (FINISHED_TITLES,)),
        ("finished_at", "<u4", (FINISHED_TITLES,)),
        ("finished_weight", "<f4", (FINISHED_TITLES,)),
        ("session_items", "<i4"),
        ("shown_on", "<u2", (SHOWN,)),
        ("shown_odds", "u1", (SHOWN,)),
        ("chosen", CHOICE),
        ("device", "u1"),
    ]


def _viewer_2(config: ModelConfig) -> Fields:
    return [*_viewer_1(config), ("stated_at", "<i8")]


def _viewer_3(config: ModelConfig) -> Fields:
    return [
        *_viewer_2(config),
        ("intent", "<u4", (INTENTS,)),
        ("intent_at", "<u4", (INTENTS,)),
        ("intent_weight", "<f4", (INTENTS,)),
    ]


def _viewer_4(config: ModelConfig) -> Fields:
    return [*_viewer_3(config), ("streak_items", "<i4")]


VIEWER_ROWS = (
    RowVersions("a viewer's row", _viewer_1, entry=8, entries="known")
    .then(_viewer_2)
    .then(_viewer_3)
    .then(_viewer_4)
)
"""A viewer's packed row: these fields, little-endian, then the keys of known titles, oldest first."""


def _title_head(config: ModelConfig) -> Fields:
    h = len(config.factorization.horizons)
    return [
        ("version", "<u4"),
        ("bias", "<f4"),
        ("acc", "<f4", (2 + h,)),
        ("watches", "<f8"),
        ("trend", "<f8", (3,)),
        ("trend_at", "<i8"),
        ("counts", "<i8", (3,)),
        ("out", "<f4", (config.width,)),
        ("inp", "<f4", (config.input_width,)),
    ]


def _title_1(config: ModelConfig) -> Fields:
    n = config.cowatch.neighbours
    return [*_title_head(config), ("nbr", "<u8", (n,)), ("nbr_w", "<f4", (n,))]


def _title_2(config: ModelConfig) -> Fields:
    return [*_title_head(config), ("sets", "<i4"), ("neighbours", "<i4")]


NEIGHBOUR = np.dtype([("key", "<u8"), ("weight", "<f4")])
"""A neighbour in a title's packed row."""


class PackedTitles(NamedTuple):
    """Rows of titles in the newest version: fixed parts, and the neighbours of all, one after the other."""

    fixed: NDArray[np.void]
    """[n] the fixed parts."""
    pairs: NDArray[np.void]
    """[m] neighbours (:data:`NEIGHBOUR`): of each title as many as its fixed part says."""

    @property
    def starts(self) -> I8:
        """Return [n + 1] where the neighbours of each title begin."""
        return np.concatenate(([0], np.cumsum(self.fixed["neighbours"], dtype=np.int64)))

    def to_bytes(self) -> list[bytes]:
        """Return the rows."""
        size, each = self.fixed.itemsize, NEIGHBOUR.itemsize
        heads, tails, starts = self.fixed.tobytes(), self.pairs.tobytes(), (each * self.starts).tolist()
        ends = zip(range(0, len(heads), size), starts[:-1], starts[1:], strict=True)
        return [heads[at : at + size] + tails[start:end] for at, start, end in ends]

    @classmethod
    def from_bytes(cls, rows: Sequence[bytes], config: ModelConfig) -> "PackedTitles":
        """Read rows of any version.

        Raises
        ------
        RowVersionError
            A newer program wrote a row.
        ConfigMismatchError
            A row does not have the size of its version under this configuration.
        """
        rows, size = TITLE_ROWS.current(rows, config), TITLE_ROWS.dtype(config).itemsize
        # Writable, as packed rows are: for others numba would compile a second form of a kernel
        heads, tails = (
            bytearray().join(part) for part in ((r[:size] for r in rows), (r[size:] for r in rows))
        )
        return cls(np.frombuffer(heads, TITLE_ROWS.dtype(config)), np.frombuffer(tails, NEIGHBOUR))


def _without_empty_places(rows: Sequence[bytes], config: ModelConfig) -> list[bytes]:
    """Upgrade titles' rows that have all places of neighbours, the empty ones included."""
    old: NDArray[np.void] = np.frombuffer(b"".join(rows), np.dtype(_title_1(config)))
    new = with_fields_of(old, np.dtype(_title_2(config)))
    held = old["nbr"] != 0
    new["version"], new["sets"], new["neighbours"] = 2, held.shape[1] // WAYS, held.sum(axis=1)
    pairs = np.empty(int(held.sum()), NEIGHBOUR)
    pairs["key"], pairs["weight"] = old["nbr"][held], old["nbr_w"][held]
    return PackedTitles(new, pairs).to_bytes()


TITLE_ROWS = RowVersions("a title's row", _title_1, entry=NEIGHBOUR.itemsize, entries="neighbours").then(
    _title_2, upgrade=_without_empty_places
)
"""A title's packed row: these fields, little-endian, then its neighbours by key, in order of their places."""
