"""Rows of viewers, under their ids, packed as :data:`online_models.tables.rows.VIEWER_ROWS`."""

from collections.abc import Sequence

import numpy as np

from online_models.config import ModelConfig
from online_models.tables.layout import I4
from online_models.tables.rows import VIEWER_ROWS
from online_models.tables.viewers import Loader, ViewerTable
from streams.engine.stage import Row, StateView
from streams.stages.wire.row_checks import require_sound_viewers
from streams.stages.wire.row_codec import explained


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


def loader(store: StateView, config: ModelConfig) -> Loader:
    """Return a loader that reads the rows of viewers that are not in memory, in the newest version.

    The loader raises `StateVersionError` at a row of a newer version, `StateError` at one that fits no
    version.
    """
    head = VIEWER_ROWS.dtype(config)
    size = head.itemsize

    def load(viewer_ids: Sequence[str]) -> list[bytes | None]:
        values = store.get_many([viewer_id.encode() for viewer_id in viewer_ids])
        with explained():
            found = VIEWER_ROWS.current([value for value in values if value is not None], config)
            require_sound_viewers(np.frombuffer(b"".join([row[:size] for row in found]), head))
        rows = iter(found)
        return [None if value is None else next(rows) for value in values]

    return load
