"""Versions of a signals record (`streams.titles.signals`), and the way from each to the next."""

from collections.abc import Sequence

import numpy as np

from online_models.config import ModelConfig
from online_models.feedback import Action
from online_models.row_versions import RowVersions

__all__ = ["HEADER", "VERSIONS"]

HEADER = np.dtype([
    ("version", "<u2"), ("partition", "<u2"), ("events", "<u4"), ("width", "<u2"), ("inputs", "<u2"),
    ("positives", "<u4"), ("history", "<u4"), ("titles", "<u4"), ("names", "<u4"), ("sent", "<i8"),
])  # fmt: skip


def _with_change(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Version 2: counters move by the change; until then they moved by the weight, but for rejections."""
    out = []
    for record in records:
        n = int(np.frombuffer(record, HEADER, count=1)[0]["events"])
        start = HEADER.itemsize
        at, end = start + 3 * n, start + 7 * n  # the weights
        action = np.frombuffer(record, np.uint8, count=n, offset=start)
        change = np.where(action == Action.REJECT, 0.0, np.frombuffer(record[at:end], "<f4")).astype("<f4")
        out.append(b"\2" + record[1:end] + change.tobytes() + record[end:])
    return out


def _with_place(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Version 3: where the viewers are; until then nobody knew."""
    out = []
    for record in records:
        n = int(np.frombuffer(record, HEADER, count=1)[0]["events"])
        end = HEADER.itemsize + 21 * n  # of the depths
        out.append(b"\3" + record[1:end] + bytes(2 * n) + record[end:])
    return out


def _with_sittings(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Version 4: what of a history is of this sitting, or only known; until then all was, and nothing."""
    out = []
    for record in records:
        head = np.frombuffer(record, HEADER, count=1)[0]
        n, history = int(head["events"]), int(head["history"])
        depths = HEADER.itemsize + 19 * n
        places = depths + 2 * n
        vectors = places + 2 * n
        end = vectors + 2 * int(head["positives"]) * (int(head["width"]) + int(head["inputs"])) + 2 * history
        fresh, known = record[depths:places], bytes(-(-history // 8))
        out.append(b"\4" + record[1:vectors] + fresh + record[vectors:end] + known + record[end:])
    return out


def _with_device(records: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Version 5: on what kind of device; until then nobody knew."""
    out = []
    for record in records:
        n = int(np.frombuffer(record, HEADER, count=1)[0]["events"])
        end = HEADER.itemsize + 25 * n  # of what is fresh
        out.append(b"\5" + record[1:end] + bytes(n) + record[end:])
    return out


VERSIONS = (
    RowVersions("a signals record")
    .then(upgrade=_with_change)
    .then(upgrade=_with_place)
    .then(upgrade=_with_sittings)
    .then(upgrade=_with_device)
)
"""Versions of the record."""
