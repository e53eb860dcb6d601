"""Viewers' packed rows as records: key = viewer id, value = head and titles (:mod:`online_models.viewers`).

``SENT`` carries how many signals the partition has sent. No viewer id begins with a control character.
"""

import struct
from collections.abc import Sequence

import numpy as np

from online_models.kernels.layout import I4, U1
from online_models.viewers import Loader, ViewerTable
from streams.stage import Row, StateView

SENT = b"\x01sent"
_COUNT = struct.Struct("<q")


def pack(viewers: ViewerTable, slots: I4) -> list[Row]:
    """Pack the rows of some slots."""
    heads, keys, starts = viewers.pack(slots)
    size = heads.dtype.itemsize
    head, tail = heads.tobytes(), keys.tobytes()
    ends = (starts * keys.itemsize).tolist()
    return [
        (viewers.ids[slot].encode(), head[n * size : (n + 1) * size] + tail[a:b])
        for n, (slot, a, b) in enumerate(zip(slots.tolist(), ends, ends[1:], strict=False))
    ]


def loader(store: StateView) -> Loader:
    """Read viewers that are not hot from a store."""

    def load(viewer_ids: Sequence[str]) -> list[U1 | None]:
        values = store.get_many([viewer_id.encode() for viewer_id in viewer_ids])
        return [None if value is None else np.frombuffer(value, np.uint8) for value in values]

    return load


def pack_sent(sent: int) -> Row:
    """Pack the count of signals sent."""
    return SENT, _COUNT.pack(sent)


def unpack_sent(value: bytes | None) -> int:
    """Read the count; 0 where there is none yet."""
    return 0 if value is None else int(_COUNT.unpack(value)[0])
