"""The demo's machinery: cluster, worker, a world of viewers and a subscriber, started and ended together."""

import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from online_models.simulation import World
from streams.config.settings import Settings
from streams.errors import ReplayStalledError
from streams.kafka.produce import EventProducer
from streams.ops.runs.pacing import Speed
from streams.ops.runs.replay import LOOK_S
from streams.ops.runs.report import RunCounts, RunReport
from streams.ops.runs.session import ServeProcess, WorkerProcess, make_topics, own_cluster
from streams.ops.runs.simulate import feed, make_world
from streams.ops.runs.subscriber import Subscriber

GROUP = "nearline-demo"
SHARE = "1"
"""Share of events that the demo's worker ranks before learning: all, to know soon if it is any good."""
SETTLE_S = 10.0
"""Longest wait, at the end, for the worker to answer what was sent."""


@dataclass(slots=True)
class Demo:
    """Everything that runs in a demo.

    Parameters
    ----------
    folder
        Databases, logs, and the real broker's data.
    rate
        Events per second.
    viewers, titles, seed
        The world.
    kafka
        Run a real Apache Kafka instead of the embedded cluster.
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

    def start(self) -> None:
        """Start the cluster, the subscriber, the worker and the server, in this order; then the viewers."""
        self.settings = self._stack.enter_context(own_cluster(self.folder, GROUP, kafka=self.kafka))
        make_topics(self.settings)
        self.subscriber = Subscriber(self.settings)
        self.subscriber.start()
        self._stack.callback(self.subscriber.stop)
        self.worker = WorkerProcess(self.settings, self.folder, {"NEARLINE_PREQUENTIAL_SHARE": SHARE})
        self._stack.enter_context(self.worker)
        self.server = self._stack.enter_context(
            ServeProcess(self.settings, self.folder, self.worker.metrics_address)
        )
        speed = Speed("rate", self.rate)
        self.world = make_world(self.seed, self.viewers, self.titles, speed)
        self.worker.wait_ready()
        self.server.wait_ready()
        self._began = time.monotonic()
        self._feeder = threading.Thread(target=self._feed, args=(speed,), name="viewers", daemon=True)
        self._feeder.start()

    def tally(self) -> RunCounts:
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
        """Send no more, wait for the answers to what was sent, and report.

        Raises
        ------
        ReplayStalledError
            Not every event was answered.
        """
        self._stop.set()
        if self._feeder is not None:
            self._feeder.join()
        deadline = time.monotonic() + SETTLE_S
        tally = self.tally()
        while tally.events < self.sent:
            if time.monotonic() > deadline:
                what = f"{self.sent - tally.events} events were not answered"
                raise ReplayStalledError(what, next_step=f"read {self.worker.log}")
            time.sleep(LOOK_S)
            tally = self.tally()
        return RunReport(tally.events, time.monotonic() - self._began, tally)

    def close(self) -> None:
        """End everything, the last started first."""
        self._stop.set()
        self._stack.close()

    def _feed(self, speed: Speed) -> None:
        try:
            with EventProducer(self.settings) as producer:
                self.sent = feed(self.world, producer, speed, stop=self._stop).events
        except Exception as error:  # noqa: BLE001 - shown by the thread that draws
            self.error = error
