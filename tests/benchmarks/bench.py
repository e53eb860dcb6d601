"""Where a benchmark runs: the broker, the cores, a folder for state."""

import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self
from uuid import uuid4

from streams.brokers.kafka import KafkaCluster
from streams.session import free_port
from streams.settings import Settings

__all__ = ["Bench"]

FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that make OpenBLAS use another processor's kernels (Haswell's cost 1.6x here)."""


class Bench:
    """A broker and the cores; a context manager.

    Everything that is started inside runs on the other cores than `core`, but for workers that are pinned
    to it.

    Parameters
    ----------
    brokers
        A running cluster, whose cores are its own matter; None starts a node in a temporary folder.

    Attributes
    ----------
    core
        The core that a pinned worker has to itself; None on a machine with one core.
    """

    def __init__(self, brokers: str | None = None) -> None:
        self._brokers = brokers
        self._run = uuid4().hex[:6]
        self._stack = ExitStack()
        cores = sorted(os.sched_getaffinity(0))
        self.core = cores[0] if len(cores) > 1 else None
        self._all = cores

    def settings(self, name: str) -> Settings:
        """Return settings whose topics and group no other benchmark has."""
        name = f"{name}-{self._run}"
        return Settings.load(brokers=self._brokers, topic_prefix=f"{name}.", group=f"bench-{name}")

    def state(self, name: str) -> Path:
        """Return a folder for a worker."""
        return self._folder / name

    @property
    def cores(self) -> list[int]:
        """All cores, for a worker that is not pinned."""
        return self._all

    def __enter__(self) -> Self:
        for variable in FOREIGN:
            os.environ.pop(variable, None)
        if self.core is not None:
            os.sched_setaffinity(0, set(self._all) - {self.core})
        self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="nearline-bench-")))
        if self._brokers is None:
            kafka = KafkaCluster(
                self._folder / "kafka", port=free_port(), cache_dir=Settings.load().cache_dir
            )
            self._stack.enter_context(kafka)
            self._brokers = kafka.bootstrap_servers
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
        os.sched_setaffinity(0, self._all)
