"""An arena for toy workers: topics, processes that are killed, and the comparison with a replay."""

import json
import random
import re
import shutil
import signal
import struct
import time
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.engine import changelog
from streams.engine.applied import APPLIED_KEY
from streams.engine.state import Store, StoreMemory
from streams.kafka.clients import Message, NewTopic, TopicPartition, admin, consumer, producer
from streams.kafka.topics import await_leaders
from streams.ops.runs.worker_process import free_port
from streams.telemetry.metrics import Exposition
from tests.conftest import Nearline
from tests.integration.committed import AT_ONCE, committed
from tests.waiting import PATIENCE_S
from tests.warm_processes import WarmProcess

ROW = struct.Struct("<qI")
PARTITIONS = 4
TOY = "tests.integration.toy_worker:main"


@dataclass
class Arena:
    """Topics of one test on a broker, and the workers that process them."""

    brokers: str
    prefix: str
    folder: Path
    rng: random.Random
    nearline: Nearline
    """Starts processes."""
    orders: dict[str, Any] = field(default_factory=dict)
    """What every worker of this test is told, see `toy_worker.Orders`."""
    sent: int = 0
    workers: dict[int, WarmProcess] = field(default_factory=dict)
    began: dict[int, int] = field(default_factory=dict)
    """Length of a worker's log when its present life began."""
    ports: dict[int, int] = field(default_factory=dict)
    """Where a worker shows its metrics."""
    partitions: int = PARTITIONS

    def __post_init__(self) -> None:
        self.producer = producer(self.brokers, {"linger.ms": 5})

    def topic(self, name: str) -> str:
        """Return a topic's full name."""
        return f"{self.prefix}{name}"

    def create_topics(self) -> None:
        """Create the four topics on a real broker."""
        compact = {"cleanup.policy": "compact"}
        topics = [
            NewTopic(self.topic(name), self.partitions, 1, config=compact if name == "log" else {})
            for name in ("in", "log", "out", "dead")
        ]
        client = admin(self.brokers)
        for future in client.create_topics(topics).values():
            future.result(30)
        await_leaders(client, [topic.topic for topic in topics])

    def start(self, worker: int, **orders: Any) -> WarmProcess:
        """Start a worker with its own state folder; it keeps the folder over restarts."""
        folder = self.folder / f"w{worker}"
        folder.mkdir(parents=True, exist_ok=True)
        order = {
            "brokers": self.brokers,
            "prefix": self.prefix,
            "state_dir": str(folder / "state"),
            "seed": self.rng.randrange(1 << 30),
            "http_port": self.ports.setdefault(worker, free_port()),
            **self.orders,
            **orders,
        }
        log = folder / "log"
        self.began[worker] = log.stat().st_size if log.exists() else 0
        self.workers[worker] = self.nearline(json.dumps(order), log=log, program=TOY)
        return self.workers[worker]

    def log(self, worker: int, begin: int = 0) -> str:
        """Return what a worker has logged, from a byte on."""
        return (self.folder / f"w{worker}" / "log").read_bytes()[begin:].decode(errors="replace")

    def await_partition(self, worker: int) -> None:
        """Wait until a worker has, in its present life, a partition that is ready."""
        deadline = time.monotonic() + PATIENCE_S
        while "partition_ready" not in self.log(worker, self.began[worker]):
            assert self.workers[worker].poll() is None, f"worker ended; logs in {self.folder}"
            assert time.monotonic() < deadline, f"no partition; logs in {self.folder}"
            time.sleep(0.1)

    def metrics(self, worker: int) -> Exposition:
        """Return what a worker shows at this moment; nothing while it does not answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[worker]}/metrics", timeout=20) as text:
                return Exposition(text.read().decode())
        except OSError:
            return Exposition("")

    def lags(self, worker: int) -> dict[int, float]:
        """Return the records that are not applied yet by partition, as a worker shows them."""
        shown = self.metrics(worker)
        every = range(self.partitions)
        return {p: shown.value("nearline_consumer_lag_records", partition=str(p)) for p in every}

    def applied(self, worker: int) -> dict[int, int]:
        """Return the last applied offsets of the partitions, as a worker shows them at one moment."""
        shown, every = self.metrics(worker), range(self.partitions)
        return {p: int(shown.value("nearline_applied_offset", partition=str(p))) for p in every}

    def ends(self, name: str) -> dict[int, int]:
        """Return where the partitions of a topic end."""
        client = consumer(self.brokers)
        ends = {p: changelog.ends(client, self.topic(name), p)[1] for p in range(self.partitions)}
        client.close()
        return ends

    def await_that(self, what: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < deadline, f"in vain; logs in {self.folder}"
            time.sleep(0.1)

    def await_end(self, worker: int, seconds: float = PATIENCE_S) -> int:
        """Wait until a worker ends by itself; return its exit code."""
        return self.workers[worker].wait(seconds)

    def peak_mb(self, worker: int) -> float:
        """Return the most resident memory that a worker has had, in megabytes."""
        status = Path(f"/proc/{self.workers[worker].pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024

    def kill(self, worker: int) -> None:
        """Kill -9."""
        self.workers[worker].kill()
        self.workers[worker].wait()

    def terminate(self, worker: int) -> int:
        """SIGTERM; return the exit code."""
        self.workers[worker].send_signal(signal.SIGTERM)
        return self.workers[worker].wait(PATIENCE_S)

    def feed(self, events: int, viewers: int = 300) -> None:
        """Produce events, each with a value of its own."""
        for _ in range(events):
            self.producer.produce(
                self.topic("in"), key=f"v{self.rng.randrange(viewers)}", value=f"e{self.sent}"
            )
            self.sent += 1
        self.producer.poll(0)

    def produce(self, key: str, value: str | None = None) -> None:
        """Produce one event."""
        self.producer.produce(self.topic("in"), key=key, value=value or f"e{self.sent}")
        self.sent += 1
        self.producer.poll(0)

    def feed_for(self, seconds: float, per_second: int = 1_000) -> None:
        """Produce at a steady pace."""
        for _ in range(int(seconds * 20)):
            self.feed(per_second // 20)
            time.sleep(0.05)

    def read(self, name: str) -> list[Message]:
        """Return the committed records of a topic, by partition in their order."""
        return committed(self.brokers, [(self.topic(name), number) for number in range(self.partitions)])

    def settle(self, seconds: float = PATIENCE_S, *, revive: bool = True) -> None:
        """Wait until as many events came out as went in; start workers that ended."""
        self.producer.flush()
        deadline, came = time.monotonic() + seconds, 0
        places = [
            TopicPartition(self.topic(t), p, 0) for t in ("out", "dead") for p in range(self.partitions)
        ]
        reader = consumer(self.brokers, {"group.id": "settling", **AT_ONCE})
        reader.assign(places)
        while came < self.sent:
            assert time.monotonic() < deadline, f"not settled; logs in {self.folder}"
            for worker, process in list(self.workers.items()):
                if revive and process.poll() is not None:
                    self.start(worker)
            came += sum(message.error() is None for message in reader.consume(10_000, 0.2))
        reader.close()

    def verify(self, *, without: tuple[bytes, ...] = ()) -> None:
        """Compare outputs, changelog and local state with a replay of the input, event by event."""
        expected = replayed([m for m in self.read("in") if m.value() not in without])
        out = Counter(message.value() for message in self.read("out"))
        doubled = {value: times for value, times in out.items() if times > 1}
        assert not doubled
        assert sum(out.values()) == sum(count for count, _ in expected.values())
        logged = {m.key(): ROW.unpack(m.value()) for m in self.read("log") if m.key() != APPLIED_KEY}
        assert logged == expected

    def wipe(self, worker: int) -> None:
        """Lose a worker's disk."""
        shutil.rmtree(self.folder / f"w{worker}" / "state")

    def verify_stores(self) -> None:
        """Compare the newest database of each partition with a replay; its worker has to have ended."""
        for number in range(self.partitions):
            folders = self.folder.glob(f"w*/state/toy/{number}")
            stores = [Store(folder, StoreMemory()) for folder in folders]
            newest = max(stores, key=lambda store: store.applied)
            found = {key: ROW.unpack(value) for key, value in newest.scan()}
            assert found == replayed([m for m in self.read("in") if m.partition() == number])
            for store in stores:
                store.close()


def replayed(messages: list[Message]) -> dict[bytes, tuple[int, int]]:
    """Fold events in order in one process: what the state has to be."""
    rows: dict[bytes, tuple[int, int]] = {}
    for message in messages:
        count, crc = rows.get(message.key(), (0, 0))
        rows[message.key()] = (count + 1, zlib.crc32(message.value(), crc))
    return rows
