"""The system under test and everything around it, in one place for the faults to get at."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from online_models.simulation import World
from schemas import topics
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.runs.worker_process import WorkerProcess, cluster_port, make_topics
from tests.chaos.audit import Audit
from tests.chaos.cluster import Brokers
from tests.chaos.ledger import Ledger
from tests.chaos.load import PARTITIONS, Load, Mix
from tests.chaos.schedule import Schedule
from tests.chaos.workers import ChaosWorker, Crew

START_S = 300.0
"""Longest wait for the first workers: they may have to compile their kernels."""
PUMP_S = 0.1
"""Between two looks at the workers."""
HEAP = "512m"
"""Of a broker: the load is small."""


class FaultError(Exception):
    """A fault could not be brought about, or did not have the effect that it must have."""


class UnavailableError(Exception):
    """A fault that this machine does not allow."""


@dataclass(frozen=True, slots=True)
class Hurt:
    """The moment from which recovery counts, and the last offsets of both sources at that moment."""

    at: float
    events: dict[int, int]
    signals: dict[int, int]


class Rig:
    """Brokers, workers, load and ledger of one run; a context manager.

    Parameters
    ----------
    schedule
        How many workers, which load.
    seed
        Of the load.
    folder
        Holds everything; kept if the run is not clean.
    sabotage
        Which promise the workers break; none by default.

    Attributes
    ----------
    rng
        For the choices of the present cycle.
    recovery_s
        How long it took from the last harm until everything went on; None as long as it does not.
    """

    def __init__(self, schedule: Schedule, seed: int, folder: Path, sabotage: str = "") -> None:
        self.schedule, self.seed, self.folder = schedule, seed, folder
        self.rng = random.Random(seed)
        self.brokers = Brokers(
            folder / "kafka",
            nodes=schedule.nodes,
            port=cluster_port(schedule.nodes),
            cache_dir=Settings.load().cache_dir,
            heap=HEAP,
        )
        self.settings = Settings.load(
            brokers=self.brokers.bootstrap_servers,
            topic_prefix="chaos.",
            group="chaos",
            session_timeout_s=schedule.session_timeout_s,
        )
        self.crew = Crew(self.settings, folder, sabotage)
        self.stack = ExitStack()
        self._helper = ThreadPoolExecutor(1)
        self._hurt: Hurt | None = None
        self.recovery_s: float | None = None

    @property
    def partitions(self) -> int:
        """Source partitions of both stages."""
        return PARTITIONS + self.settings.title_shards

    def tend(self, seconds: float = PUMP_S) -> None:
        """Let time pass: read what became visible, start workers that ended."""
        self.ledger.pump(seconds)
        self.crew.tend()
        self._look()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.tend(min(PUMP_S, left))

    def until(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Let time pass until something holds.

        Raises
        ------
        FaultError
            It does not hold after so many seconds.
        """
        deadline = time.monotonic() + seconds
        while not done():
            if time.monotonic() > deadline:
                msg = f"not within {seconds:g} s: {what}"
                raise FaultError(msg)
            self.tend()

    def meanwhile(self, work: Callable[[], object]) -> None:
        """Do something that takes long in another thread, and tend until it is done."""
        future = self._helper.submit(work)
        while not future.done():
            self.tend()
        future.result()

    def hurt(self) -> None:
        """Say that the harm is done, or over: recovery counts from here, up to what is there now."""
        ends = (dict(self.load.delivered.last), self.ledger.lasts(topics.SIGNALS))
        self._hurt, self.recovery_s = Hurt(time.monotonic(), *ends), None

    def victim(self) -> ChaosWorker:
        """Choose a worker."""
        return self.rng.choice(self.crew.up())

    def foreign_state(self) -> Path:
        """Return the databases of another installation on these brokers; its worker runs once."""
        folder = self.folder / "foreign"
        if not folder.exists():
            self.meanwhile(lambda: _make_foreign_state(self.settings, folder))
        return folder / "state"

    def _look(self) -> None:
        """Note when everything is past what was there at the harm, and every partition is ready."""
        hurt, past = self._hurt, self.ledger.past
        if hurt is None or not (
            past(topics.VIEWER_STATE, hurt.events) and past(topics.TITLE_MODEL, hurt.signals)
        ):
            return
        if self.crew.ready() == self.partitions:
            self.recovery_s, self._hurt = round(time.monotonic() - hurt.at, 1), None

    def settled(self) -> bool:
        """Return whether everything that was sent is applied, learned and read, and no page is owed.

        Workers write events, too (histories of viewers who sign in), in the transactions that apply others.
        So the ends of the events are looked at last, when everything is applied up to what was read.
        """
        ledger = self.ledger
        return (
            not ledger.behind(topics.VIEWER_STATE, self.load.delivered.last)
            and not ledger.behind(topics.VIEWER_STATE, ledger.lasts(topics.EVENTS))
            and ledger.at_end(topics.SIGNALS)
            and not ledger.behind(topics.TITLE_MODEL, ledger.lasts(topics.SIGNALS))
            and not ledger.owed
            and ledger.at_end(*{name for name, _ in ledger.places})
        )

    def __enter__(self) -> Self:
        try:
            return self._start()
        except BaseException:
            self.stack.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()

    def _start(self) -> Self:
        self.stack.callback(self._helper.shutdown)
        self.stack.callback(self.brokers.stop)
        self.brokers.start()
        make_topics(self.settings, partitions=PARTITIONS)
        self.load = Load(self.settings, Mix(**self.schedule.load), self.seed)
        self.ledger = Ledger(self.settings)
        self.stack.callback(self.ledger.close)
        self.stack.callback(self.load.stop)
        self.audit = Audit(self.settings, self.ledger, self.load.delivered)
        self.stack.callback(self._kill_workers)
        for _ in range(self.schedule.workers):
            self.crew.add()
        self.load.start()
        self.until(lambda: self.crew.ready() == self.partitions, START_S, "the workers are ready")
        return self

    def _kill_workers(self) -> None:
        for worker in self.crew.workers:
            worker.wanted = False
            worker.kill()


def _make_foreign_state(settings: Settings, folder: Path) -> None:
    """Run another installation until it has viewers of its own; fewer events than the first one has had."""
    other = settings.model_copy(update={"topic_prefix": "other.", "group": "other"})
    make_topics(other, partitions=PARTITIONS)
    world = World(seed=1, viewers=20, titles=120)
    with EventProducer(other) as producer, WorkerProcess(other, folder) as worker:
        producer.send(world.take(200))
        producer.flush()
        worker.wait_ready()
        waited = Ledger(other)
        while not (last := waited.lasts(topics.EVENTS)) or waited.behind(topics.VIEWER_STATE, last):
            waited.pump(PUMP_S)
        waited.close()
