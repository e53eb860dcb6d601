r"""The row of all cohorts in ``titles.model.v1``, under ``\x06cohorts``: taste centres and watched titles.

Shard 0 alone learns the cohorts. It gets all signals, as every shard does; two shards would learn the centres
in two orders and disagree.
"""

from typing import Final

import numpy as np
from msgspec import Struct

from online_models.learners.cohorts import SHELVED, CohortTable
from online_models.tables.layout import F4, F8, I8, U8
from online_models.tables.titles import TitleTable
from streams.engine.stage import Row
from streams.stages.wire.row_checks import require_sound_cohorts
from streams.stages.wire.row_codec import RowCodec, explained

__all__ = ["CODEC", "KEY", "CohortRow", "load", "pack"]

KEY: Final = b"\x06cohorts"


class CohortRow(Struct, array_like=True, gc=False):
    """The columns of a cohort table (`online_models.learners.cohorts`), with titles by key."""

    times: I8
    seen: I8
    mass: F8
    centre: F4
    keys: U8
    """[C, N] keys of the titles, 0 where free."""
    watched: F8


CODEC: Final = RowCodec("the cohorts' row", CohortRow)


def pack(table: CohortTable, titles: TitleTable) -> Row:
    """Pack all cohorts."""
    a = table.arrays
    keys = np.where(a.title >= 0, titles.arrays.key[a.title], np.uint64(0))
    return KEY, CODEC.pack(CohortRow(a.times, a.seen, a.mass, a.centre, keys, a.watched))


def load(value: bytes, titles: TitleTable) -> CohortTable:
    """Read the row; raises as `RowCodec.unpack`, also if a number is out of its range.

    Cohorts of another shape, written under another configuration, start empty.
    """
    row, out = CODEC.unpack(value), CohortTable(titles.config.factorization.factors, SHELVED)
    a = out.arrays
    if (row.centre.shape, row.keys.shape) != (a.centre.shape, a.title.shape):
        return out
    with explained():
        require_sound_cohorts(
            times=row.times,
            seen=row.seen,
            mass=row.mass,
            centre=row.centre,
            watched=row.watched,
            shape=row.keys.shape,
            longest_ms=out.longest_ms,
        )
    a.times[:], a.seen[:], a.mass[:], a.centre[:] = row.times, row.seen, row.mass, row.centre
    used = row.keys != 0
    a.title[used] = titles.by_key(row.keys[used])
    a.watched[:] = np.where(a.title >= 0, row.watched, 0.0)
    return out
