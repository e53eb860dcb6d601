"""Reads a compacted topic to its end, and then follows it: the replica of titles, the catalog.

A thread reads every partition with ``read_committed``, by default from the beginning. It has *caught up* when
it has been at the end of each partition. The end is detected by position, not by a last record: transaction
markers and compaction leave offsets without a record.
"""

import threading
from collections.abc import Callable, Mapping, Sequence

import structlog

from streams.config.settings import Settings
from streams.engine.changelog import ends
from streams.engine.exits import die
from streams.engine.read_progress import ReadProgress
from streams.errors import BrokerError
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import KafkaError, Message, TopicPartition, refused

_LOG = structlog.get_logger(__name__)

MOST = 10_000
"""Messages per call: about 10 MB of title rows."""
CONSUMER = {"enable.partition.eof": True, "fetch.wait.max.ms": 50}
"""The end of a partition is reported within 50 ms, not after the driver's default of 500 ms. A broker answers
at once if there is a record (only the embedded one does not); to ask a hundred times a second would cost a
worker 6 ms of CPU per second and table (measured)."""
METADATA_S = 10.0
"""Seconds to wait for the leaders of the topic at start."""
WAIT_S = 0.005
"""Seconds in which messages are collected after a first one: adds to the age of the replica."""
IDLE_S = 0.1
"""Seconds to wait for a first message, and for the thread to stop: ten idle calls per second."""


class TableReader:
    """Passes the records of a compacted topic to a function, oldest first.

    Parameters
    ----------
    settings
        Brokers, security, timeouts.
    topic
        Name on the cluster.
    partitions
        Partitions to read.
    apply
        Called with messages in order, from one thread; an exception ends the process.
    begin
        ``(partition, first offset, end)``: returns the offset to start from; default: the first.
    wait_s
        Seconds in which messages are collected after a first one.

    Attributes
    ----------
    read_progress
        Progress of the first read.
    """

    def __init__(
        self,
        settings: Settings,
        topic: str,
        partitions: Sequence[int],
        apply: Callable[[list[Message]], None],
        *,
        begin: Callable[[int, int, int], int] = lambda _, low, __: low,
        wait_s: float = WAIT_S,
        die: Callable[[BaseException], None] = die,
    ) -> None:
        self._begin, self._wait_s = begin, wait_s
        self._settings, self._topic, self._partitions = settings, topic, partitions
        self._apply, self._die = apply, die
        self.read_progress = ReadProgress(f"table {topic}")
        self._caught_up, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"reader {topic}", daemon=True)

    @property
    def caught_up(self) -> bool:
        """Return whether the end of each partition was reached."""
        return self._caught_up.is_set()

    def start(self) -> None:
        """Start to read."""
        self._thread.start()

    def stop(self) -> None:
        """Stop reading and wait for the thread."""
        self._stop.set()
        self._thread.join()

    def wait(self) -> None:
        """Block until caught up.

        Raises
        ------
        BrokerError
            It took longer than the setting ``replica_timeout_s``.
        """
        if not self._caught_up.wait(self._settings.replica_timeout_s):
            what = f"{self._topic} was not read to its end in {self._settings.replica_timeout_s:g} s"
            advice = "check the broker, or raise NEARLINE_REPLICA_TIMEOUT_S"
            raise BrokerError(what, why="the broker is slow, or the topic large", next_step=advice)

    def _run(self) -> None:
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - nothing else ends the process after an error of this thread
            self._die(error)

    def _read(self) -> None:
        group = f"{self._settings.consumer_group}-tables"
        consumer = kafka_clients.consumer(self._settings, {**CONSUMER, "group.id": group})
        waiting = set(self._partitions)
        try:
            consumer.list_topics(
                self._topic, timeout=METADATA_S
            )  # without the leaders the first fetch waits half a second
            spans = {p: ends(consumer, self._topic, p) for p in self._partitions}
            places = {p: (self._begin(p, low, high), high) for p, (low, high) in spans.items()}
            self.read_progress.begin(places)
            consumer.assign([TopicPartition(self._topic, p, first) for p, (first, _) in places.items()])
            while not self._stop.is_set():
                found = consumer.consume(1, IDLE_S)
                if found:
                    found += consumer.consume(MOST - 1, self._wait_s)
                messages = self._records(found, waiting)
                if messages:
                    self._apply(messages)
                if not self.caught_up:
                    self._update_progress(messages, places, waiting)
        finally:
            consumer.close()

    def _update_progress(
        self, messages: Sequence[Message], places: Mapping[int, tuple[int, int]], waiting: set[int]
    ) -> None:
        """Update the progress of the first read, and note its end."""
        for partition, offset in {m.partition() or 0: m.offset() or 0 for m in messages}.items():
            self.read_progress.reached(partition, offset + 1)
        self.read_progress.rows += len(messages)
        for partition in places.keys() - waiting:
            self.read_progress.reached(partition, places[partition][1])
        if not waiting:
            _LOG.info("table_caught_up", topic=self._topic, rows=self.read_progress.rows)
            self._caught_up.set()

    def _records(self, found: Sequence[Message], waiting: set[int]) -> list[Message]:
        """Return the records; remove partitions whose end was reached from ``waiting``, log other errors.

        Raises
        ------
        AccessError
            This user has no right to read the topic.
        """
        messages = []
        for message in found:
            error = message.error()
            if error is None:
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the driver's name
                waiting.discard(message.partition() or 0)
            elif refusal := refused(error, f"{self._topic} cannot be read"):
                raise refusal
            else:
                _LOG.warning("reader_error", topic=self._topic, error=error.str())
        return messages
