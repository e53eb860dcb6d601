"""A restore that kills its process in the middle."""

import os
import signal
import sys
from itertools import count
from pathlib import Path
from threading import Timer
from typing import Any

from streams.engine import changelog
from streams.engine.applied import APPLIED_KEY, pack_applied, unpack_applied
from streams.engine.changelog import Changelog
from streams.engine.state import Store, StoreMemory
from tests.streams.doubles import Consumer, Log

RECORDS = 12_000
"""Over 3,000 keys, so that rows are superseded within a file of rows and from file to file."""


def made_log() -> Log:
    """Return a changelog: every hundredth record is an applied record, every seventh a tombstone."""
    log = Log()
    for number in range(RECORDS):
        if number % 100 == 99:
            log.append("log", 0, APPLIED_KEY, pack_applied(number))
        else:
            value = None if number % 7 == 0 else b"%d " % number * 40
            log.append("log", 0, b"v%d" % (number * 7_919 % 3_000), value)
    return log


def folded(log: Log, position: int) -> tuple[dict[bytes, bytes], int]:
    """Return the rows and the applied offset that a log's records before a position amount to."""
    rows: dict[bytes, bytes] = {}
    applied = -1
    for key, value in log.topics["log", 0][:position]:
        if key == APPLIED_KEY:
            applied = unpack_applied(value)
        elif value is None:
            rows.pop(key, None)
        else:
            rows[key] = value
    return rows, applied


def main() -> int:
    """Restore with many small files of rows; kill this process soon after a number of chunks.

    Its arguments are the folder and that number.
    """
    folder, kill_at = Path(sys.argv[1]), int(sys.argv[2])
    changelog.RUN_BYTES, changelog.SMALL_BYTES = 100_000, 0
    consumer: Any = Consumer(made_log())
    consumer.chunk = 100
    chunks = count(1)

    def on_chunk() -> bool:
        if next(chunks) == kill_at:
            Timer(0.002, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return False

    store = Store(folder, StoreMemory())
    Changelog(consumer, "log", 0, on_chunk).replay(store)
    if kill_at < RECORDS:
        signal.pause()  # the timer's thread may get its turn only when the last chunks are written
    store.close()
    return 0
