r"""The row of cohorts: who likes what, beside the titles' rows in ``titles.model.v1``, of shard 0.

One shard learns the cohorts, out of all signals, which every shard gets: centres that two had learned in two
orders would be two opinions. It is written with each batch that taught them something::

    key    \x06cohorts
    value  version u1 | cohorts, factors, titles u4 | times i8[2] | seen i8 | mass f8[C] | centre f4[C, K]
           | keys u8[C, N] | watched f8[C, N]

All little-endian; a key of 0 is a free place.
"""

import struct
from typing import Final

import numpy as np

from online_models.config import ModelConfig
from online_models.feedback.reward_function import Action
from online_models.learners.cohorts import SHELVED, CohortTable
from online_models.tables.layout import Signals
from online_models.tables.row_versions import RowVersions
from online_models.tables.titles import TitleTable
from streams.engine.stage import Row, StateView
from streams.stages.wire.partition_rows import explained

__all__ = ["KEY", "VERSIONS", "CohortRows", "load", "pack"]

KEY: Final = b"\x06cohorts"
_HEAD = struct.Struct("<BIII")
_NO_CONFIG = ModelConfig()
VERSIONS = RowVersions("the cohorts' row")
"""Versions of the row."""


def pack(table: CohortTable, titles: TitleTable) -> Row:
    """Pack all cohorts."""
    a = table.arrays
    keys = np.where(a.title >= 0, titles.arrays.key[a.title], np.uint64(0))
    parts = (
        a.times.astype("<i8"), a.seen.astype("<i8"), a.mass.astype("<f8"), a.centre.astype("<f4"),
        keys.astype("<u8"), a.watched.astype("<f8"),
    )  # fmt: skip
    head = _HEAD.pack(VERSIONS.version, *a.centre.shape, a.title.shape[1])
    return KEY, head + b"".join(part.tobytes() for part in parts)


def load(value: bytes, titles: TitleTable) -> CohortTable:
    """Read a row; cohorts of another shape begin anew, as another configuration's would.

    Raises
    ------
    StateVersionError
        A newer version wrote it.
    """
    out = CohortTable(titles.config.factorization.factors, SHELVED)
    with explained():
        (value,) = VERSIONS.current([value], _NO_CONFIG)
    a, at = out.arrays, _HEAD.size
    if _HEAD.unpack_from(value)[1:] != (*a.centre.shape, a.title.shape[1]):
        return out
    for column, form in ((a.times, "<i8"), (a.seen, "<i8"), (a.mass, "<f8"), (a.centre, "<f4")):
        column[:] = np.frombuffer(value, form, column.size, at).reshape(column.shape)
        at += column.nbytes
    keys = np.frombuffer(value, "<u8", a.title.size, at)
    at += keys.nbytes
    watched = np.frombuffer(value, "<f8", a.title.size, at)
    rows = np.full(keys.size, -1, np.int32)
    rows[keys != 0] = titles.by_key(keys[keys != 0].astype(np.uint64))
    a.title[:] = rows.reshape(a.title.shape)
    a.watched[:] = np.where(rows >= 0, watched, 0.0).reshape(a.title.shape)
    return out


class CohortRows:
    """The cohorts of the shard that learns them; none in the others.

    Parameters
    ----------
    store
        The shard's rows.
    titles
        Its titles.
    shard
        Which.
    """

    def __init__(self, store: StateView, titles: TitleTable, shard: int) -> None:
        self._titles, self._learns = titles, shard == 0
        value = store.get(KEY) if self._learns else None
        factors = titles.config.factorization.factors
        self._table = CohortTable(factors, SHELVED) if value is None else load(value, titles)
        self._moved = False

    def learn(self, signals: Signals) -> None:
        """Learn what a batch was watched."""
        if self._learns and (signals.action == Action.POSITIVE).any():
            self._table.absorb(signals, Action.POSITIVE)
            self._moved = True

    def take_rows(self) -> list[Row]:
        """Return the row, if it has changed since it was last taken."""
        moved, self._moved = self._moved, False
        return [pack(self._table, self._titles)] if moved else []
