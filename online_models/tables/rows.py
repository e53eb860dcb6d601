"""Packed rows of viewers and titles, field by field.

A version that was released is never changed; :mod:`online_models.tables.row_versions` describes how to add one.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.tables.feedback_layout import (
    CHOICE,
    JUDGEMENT,
    JUDGEMENTS,
    LOVED_TITLES,
    REJECTIONS,
    SECOND,
    SHOWN,
    STATED,
    WISHES,
)
from online_models.tables.layout import RING, U8
from online_models.tables.row_versions import Fields, RowVersions, Turn

__all__ = ["NARROWED", "TITLE_ROWS", "VIEWER_ROWS", "shortened"]


def shortened(hashes: U8) -> NDArray[np.uint32]:
    """Return the upper halves of hashes, which say the same of a few thousand names; 0 of 0 alone.

    Two of 5,000 names share a half with a chance of .3 %.

    Examples
    --------
    >>> [hex(half) for half in shortened(np.array([0, 1, 0x1234567890ABCDEF], np.uint64)).tolist()]
    ['0x0', '0x1', '0x12345678']
    """
    halves = (hashes >> np.uint64(32)).astype(np.uint32)
    out: NDArray[np.uint32] = np.maximum(halves, hashes != 0, dtype=np.uint32)
    return out


def _in_seconds(at_ms: NDArray[Any]) -> NDArray[Any]:
    out: NDArray[np.uint32] = (np.maximum(at_ms, 0) // SECOND).astype(np.uint32)
    return out


NARROWED: Mapping[str, Turn] = {"rejected_at": _in_seconds, "stated": shortened}
"""Conversions of fields that have eight bytes in old snapshots (`online_models.tables.viewers.regrouped`)."""


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
        ("judged", "<u8", (JUDGEMENTS,)),
        ("judgement", JUDGEMENT, (JUDGEMENTS,)),
        ("shown", "<u4", (SHOWN,)),
        ("shown_n", "u1", (SHOWN,)),
        ("stated", "<u4", (STATED,)),
        ("language", "<u2"),
        ("wished", "<u8", (WISHES,)),
        ("loved", "<u8", (LOVED_TITLES,)),
        ("loved_at", "<u4", (LOVED_TITLES,)),
        ("loved_weight", "<f4", (LOVED_TITLES,)),
        ("fresh", "<i4"),
        ("shown_on", "<u2", (SHOWN,)),
        ("shown_odds", "u1", (SHOWN,)),
        ("chosen", CHOICE),
        ("device", "u1"),
    ]


VIEWER_ROWS = RowVersions("a viewer's row", _viewer_1, entry=8)
"""A viewer's packed row: little-endian, these fields, then the keys of known titles, oldest first."""


def _title_1(config: ModelConfig) -> Fields:
    h, n = len(config.factorization.horizons), config.cowatch.neighbours
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
        ("nbr", "<u8", (n,)),
        ("nbr_w", "<f4", (n,)),
    ]


TITLE_ROWS = RowVersions("a title's row", _title_1)
"""A title's packed row: little-endian, neighbours by key."""
