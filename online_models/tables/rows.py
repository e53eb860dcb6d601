"""Fields of the packed rows of viewers and titles, version by version.

:mod:`online_models.tables.row_versions` describes how to add a version.
"""

from online_models.config import ModelConfig
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
from online_models.tables.layout import RING
from online_models.tables.row_versions import Fields, RowVersions

__all__ = ["TITLE_ROWS", "VIEWER_ROWS"]


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
    RowVersions("a viewer's row", _viewer_1, entry=8).then(_viewer_2).then(_viewer_3).then(_viewer_4)
)
"""A viewer's packed row: these fields, little-endian, then the keys of known titles, oldest first."""


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
"""A title's packed row: these fields, little-endian, neighbours by key."""
