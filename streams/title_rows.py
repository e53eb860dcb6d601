"""Titles' packed rows as records: key = title id, value = one row of :func:`online_models.titles.row_dtype`.

Keys that begin with a control character are the stage's own: no title id has one. ``LEARNED`` carries, for
each viewers partition, how many of its signals this shard has learned.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.kernels.layout import I4, I8
from online_models.titles import TitleTable, row_dtype
from streams.errors import StateError
from streams.stage import Row

LEARNED = b"\x01learned"


def is_reserved(key: bytes) -> bool:
    """Say whether a key belongs to the stage and names no title."""
    return key[:1] <= b"\x1f"


def pack(titles: TitleTable, rows: I4) -> list[Row]:
    """Pack rows that have a name."""
    named = rows[[bool(titles.ids[row]) for row in rows.tolist()]]
    size = row_dtype(titles.config).itemsize
    blob = titles.pack(named).tobytes()
    return [
        (titles.ids[row].encode(), blob[at : at + size])
        for row, at in zip(named.tolist(), range(0, len(blob), size), strict=True)
    ]


def unpack(values: Sequence[bytes], config: ModelConfig) -> NDArray[np.void]:
    """Read packed rows.

    Raises
    ------
    StateError
        A row has another size: it was written under another configuration.
    """
    dtype = row_dtype(config)
    if any(len(value) != dtype.itemsize for value in values):
        what, why = (
            "titles were written under another model configuration",
            f"a row is not {dtype.itemsize} bytes",
        )
        advice = "restore the former NEARLINE_MODEL__… settings, or use another group and topic prefix"
        raise StateError(what, why=why, next_step=advice)
    return np.frombuffer(b"".join(values), dtype)


def pack_learned(learned: I8) -> Row:
    """Pack the counts of learned events, one a viewers partition."""
    return LEARNED, learned.astype("<i8").tobytes()


def unpack_learned(value: bytes | None) -> I8:
    """Read the counts; empty where there are none yet."""
    return np.frombuffer(value or b"", "<i8").astype(np.int64)
