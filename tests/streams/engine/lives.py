"""Lives of a worker on a log in memory, and what its state has to be after them."""

import zlib
from pathlib import Path
from typing import Any

import pytest

from streams.engine.applied import APPLIED_KEY
from streams.engine.partition import Partition
from streams.engine.stage import StageSpec
from streams.errors import StepFailedError
from tests.streams.doubles import ROW, Log, fold_spec, record, worker_context


def fill(log: Log, events: int, keys: int = 3) -> None:
    """Put events into the source."""
    for number in range(events):
        log.append("in", 0, b"v%d" % (number % keys), b"e%d" % number)


def live(partition: Partition, log: Log, batch: int) -> None:
    """Open, process the whole source and flush what is due, as the task does."""
    partition.open()
    events = log.topics["in", 0]
    while partition.position < len(events):
        size = min(batch, partition.max_events())
        offsets = range(partition.position, min(partition.position + size, len(events)))
        partition.process([record(offset, *events[offset]) for offset in offsets])
    if partition.due_s() == 0:
        partition.process([])
    partition.close()


def lives(log: Log, folder: Path, spec: StageSpec | None = None) -> int:
    """Start anew until the source is worked off; return how often a process ended on the way."""
    for ends in range(10):
        partition = Partition(spec or fold_spec(), 0, worker_context(log, folder))
        try:
            live(partition, log, 4)
        except StepFailedError:
            partition.close()
        else:
            return ends
    pytest.fail("never came to an end")


def expected(events: list[Any], without: bytes = b"") -> dict[bytes, tuple[int, int]]:
    """Fold the source in one go."""
    rows: dict[bytes, tuple[int, int]] = {}
    for key, value in events:
        if value != without:
            count, crc = rows.get(key, (0, 0))
            rows[key] = (count + 1, zlib.crc32(value, crc))
    return rows


def state(log: Log) -> dict[bytes | None, tuple[Any, ...]]:
    """Return the rows that the changelog ends with."""
    rows = [(key, value) for key, value in log.records("log") if key != APPLIED_KEY]
    return {key: ROW.unpack(value or b"") for key, value in rows if (key or b"")[:1] != b"\x01"}
