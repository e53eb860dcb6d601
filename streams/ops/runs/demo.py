"""The processes of `nearline demo`: cluster, worker, server, simulated viewers, and a subscriber."""

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from online_models.simulation import World
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.runs.pacing import Speed
from streams.ops.runs.report import RunCounts, RunReport
from streams.ops.runs.simulate import feed, make_world
from streams.ops.runs.stall_check import LOOK_S, StallCheck
from streams.ops.runs.subscriber import Subscriber
from streams.ops.runs.worker_process import ServeProcess, WorkerProcess, make_topics, own_cluster

GROUP = "nearline-demo"
SHARE = "1"
"""Share of events that the worker ranks before learning: all, for a precise hit rate after a short time."""


@dataclass(slots=True)
class Demo:
    """Everything that runs in a demo, started and stopped together.

    Parameters
    ----------
    folder
        Of databases, logs, and the data of the real broker.
    rate
        Events per second.
    viewers, titles, seed
        Of the simulated world.
    kafka
        Use a real Apache Kafka instead of the embedded cluster.
    """

    folder: Path
    rate: float
    viewers: int
    titles: int
    seed: int
    kafka: bool
    sent: int = 0
    settings: Settings = field(init=False)
    world: World = field(init=False)
    worker: WorkerProcess = field(init=False)
    server: ServeProcess = field(init=False)
    subscriber: Subscriber = field(init=False)
    error: BaseException | None = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _stop: threading.Event = field(default_factory=threading.Event)
    _feeder: threading.Thread | None = None
    _began: float = 0.0

    def start(self, on_progress: Callable[[str], None] = lambda _: None) -> None:
        """Start cluster, subscriber, worker and server in this order, then the viewers.

        Parameters
        ----------
        on_progress
            Called with what is done next.
        """
        on_progress("starting a broker and creating topics")
        self.settings = self._stack.enter_context(own_cluster(self.folder, GROUP, kafka=self.kafka))
        make_topics(self.settings)
        self.subscriber = Subscriber(self.settings)
        self.subscriber.start()
        self._stack.callback(self.subscriber.stop)
        on_progress("starting a worker and a server")
        self.worker = WorkerProcess(self.settings, self.folder, {"NEARLINE_PREQUENTIAL_SHARE": SHARE})
        self._stack.enter_context(self.worker)
        self.server = self._stack.enter_context(
            ServeProcess(self.settings, self.folder, self.worker.metrics_address)
        )
        speed = Speed("rate", self.rate)
        on_progress("inventing viewers and titles")
        self.world = make_world(self.seed, self.viewers, self.titles, speed)
        on_progress("waiting for the worker to load its kernels and take its partitions")
        self.worker.wait_ready()
        on_progress("waiting for the server")
        self.server.wait_ready()
        self._began = time.monotonic()
        self._feeder = threading.Thread(target=self._feed, args=(speed,), name="viewers", daemon=True)
        self._feeder.start()

    def counts(self) -> RunCounts:
        """Return the worker's counters.

        Raises
        ------
        WorkerDiedError
            The worker ended.
        DeliveryError
            The producer failed.
        """
        self.worker.check()
        if self.error is not None:
            raise self.error
        return RunCounts.of(self.worker.exposition())

    def finish(self) -> RunReport:
        """Stop sending, wait until all events are processed, and report.

        Raises
        ------
        ReplayStalledError
            The worker does not go on, and not every event was processed.
        """
        self._stop.set()
        if self._feeder is not None:
            self._feeder.join()
        counts, stall = self.counts(), StallCheck()
        while counts.events < self.sent:
            stall.check(counts.events, self.sent, self.worker.log)
            time.sleep(LOOK_S)
            counts = self.counts()
        return RunReport(counts.events, time.monotonic() - self._began, counts)

    def close(self) -> None:
        """Stop everything, in reverse order of the start."""
        self._stop.set()
        self._stack.close()

    def _feed(self, speed: Speed) -> None:
        try:
            with EventProducer(self.settings) as producer:
                self.sent = feed(self.world, producer, speed, stop=self._stop).events
        except Exception as error:  # noqa: BLE001 - raised by `counts` in the main thread
            self.error = error
