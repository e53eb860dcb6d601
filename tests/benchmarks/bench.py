"""Where a benchmark runs: the broker, the cores, a folder for state."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from streams.config.settings import Settings
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import cluster_port

__all__ = ["Bench"]

FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Variables that make OpenBLAS use another processor's kernels (Haswell's cost 1.6x here)."""


def use_own_kernels() -> None:
    """Begin this program again without such variables, if there are any: libraries read them once."""
    if not os.environ.keys().isdisjoint(FOREIGN):
        environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        os.execve(sys.executable, sys.orig_argv, environment)  # noqa: S606 - this very program


TICK = os.sysconf("SC_CLK_TCK")


COMPILERS = ("C1 CompilerThre", "C2 CompilerThre")
"""Names of the threads in which a JVM compiles, as the kernel cuts them."""


def _seconds(stats: Sequence[str]) -> float:
    """Return the CPU of processes or threads by what the kernel says of them, their names cut off."""
    return sum(float(ticks) for stat in stats for ticks in stat.split()[11:13]) / TICK


class Bench:
    """A broker and the cores; a context manager.

    This process, what it starts and the broker run on the other cores than `core`, which is left to workers
    that are pinned to it.

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
        self._others = cores[1:] or cores
        self._broker_pids: list[int] = []

    def settings(self, name: str, **options: Any) -> Settings:
        """Return settings whose topics and group no other benchmark has."""
        name = f"{name}-{self._run}"
        return Settings.load(brokers=self._brokers, topic_prefix=f"{name}.", group=f"bench-{name}", **options)

    def broker_cpu(self) -> float:
        """Return the seconds of CPU that the broker has used; 0 for a cluster that is not ours."""
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2] for pid in self._broker_pids]
        return _seconds(stats)

    def compiler_cpu(self) -> float:
        """Return how much of :meth:`broker_cpu` went into compiling Java: half in a broker's first minute."""
        threads = []
        for task in (task for pid in self._broker_pids for task in Path(f"/proc/{pid}/task").iterdir()):
            with suppress(OSError):  # it has ended
                threads.append((task / "stat").read_text().partition("(")[2])
        compilers = [one for one in threads if one.startswith(COMPILERS)]
        return _seconds([one.rpartition(")")[2] for one in compilers])

    def state(self, name: str) -> Path:
        """Return a folder for a worker."""
        return self._folder / name

    def shared(self) -> AbstractContextManager[None]:
        """Let everybody run on every core meanwhile."""
        return self.on(self._all)

    @contextmanager
    def on(self, cores: list[int]) -> Iterator[None]:
        """Keep this process and the broker on some cores meanwhile."""
        self._place(cores)
        yield
        self._place(self._others)

    @property
    def cores(self) -> list[int]:
        """All cores, for a worker that is not pinned."""
        return self._all

    def __enter__(self) -> Self:
        # As ctrl-C: `timeout` ends a run by SIGTERM, which by default leaves its broker and workers running
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        for variable in FOREIGN:
            os.environ.pop(variable, None)
        self._folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="nearline-bench-")))
        if self._brokers is None:
            kafka = KafkaCluster(
                self._folder / "kafka", port=cluster_port(), cache_dir=Settings.load().cache_dir
            )
            self._stack.enter_context(kafka)
            self._brokers = kafka.bootstrap_servers
            self._broker_pids = [pid for pid in map(kafka.pid, kafka.nodes) if pid]
        self._place(self._others)  # not before: a JVM adapts itself to the cores that it starts with
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._place(self._all)
        self._stack.close()

    def _place(self, cores: list[int]) -> None:
        """Move every thread of this process and of the broker."""
        for pid in [os.getpid(), *self._broker_pids]:
            for task in Path(f"/proc/{pid}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(task.name), cores)
