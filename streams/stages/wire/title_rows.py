"""Rows of titles, under their ids, packed as :data:`online_models.tables.rows.TITLE_ROWS`."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.tables.layout import I4
from online_models.tables.rows import TITLE_ROWS
from online_models.tables.titles import TitleTable
from streams.engine.stage import Row
from streams.stages.wire.row_codec import explained


def pack(titles: TitleTable, rows: I4) -> list[Row]:
    """Pack rows that have a name."""
    named = rows[[bool(titles.ids[row]) for row in rows.tolist()]]
    size = TITLE_ROWS.dtype(titles.config).itemsize
    blob = titles.pack(named).tobytes()
    return [
        (titles.ids[row].encode(), blob[at : at + size])
        for row, at in zip(named.tolist(), range(0, len(blob), size), strict=True)
    ]


def unpack(values: Sequence[bytes], config: ModelConfig) -> NDArray[np.void]:
    """Read packed rows of any version.

    Raises
    ------
    StateVersionError
        A newer version wrote one.
    StateError
        One fits no version: it was written under another configuration, or is damaged.
    """
    with explained():
        return np.frombuffer(b"".join(TITLE_ROWS.current(values, config)), TITLE_ROWS.dtype(config))
