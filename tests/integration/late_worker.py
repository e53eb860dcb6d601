"""`nearline worker`, but its replica of the title model is late, as a large one is.

It is not read before the first viewers partition has been restored, and then not for a while.
"""

import sys
import threading
import time

from schemas import topics
from streams import cli
from streams.engine.stage import StateView
from streams.engine.table_reader import TableReader
from streams.stages.viewers.stage_runner import StageRunner
from streams.stages.viewers.step import ViewersStage

LATE_S = 3.0
"""Enough for a first batch, were it not waited for."""


def main() -> None:
    """Be a worker whose titles come late."""
    read, step = TableReader._read, ViewersStage.step
    asked = threading.Event()

    def late(self: TableReader) -> None:
        if self._topic.endswith(topics.TITLE_MODEL):
            asked.wait()
            time.sleep(LATE_S)
        read(self)

    def asking(self: ViewersStage, partition: int, store: StateView) -> StageRunner:
        asked.set()
        return step(self, partition, store)

    TableReader._read = late  # type: ignore[method-assign]
    ViewersStage.step = asking  # type: ignore[method-assign]
    sys.argv = ["nearline", "worker"]
    sys.exit(cli.main())


if __name__ == "__main__":
    main()
