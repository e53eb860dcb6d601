"""Reading a topic whole, on the embedded cluster."""

import threading
import time

import pytest

from streams.config.settings import Settings
from streams.engine.table_reader import TableReader
from streams.errors import BrokerError
from streams.kafka.clients import KafkaError, Message, producer
from streams.ops.local_kafka.embedded import PARTITIONS, EmbeddedCluster
from tests.waiting import PATIENCE_S

TOPIC = "titles.model.v1"


class Taker:
    """Keeps what the reader hands over, and lets a test wait for it."""

    def __init__(self) -> None:
        self.values: dict[int, list[bytes]] = {p: [] for p in range(PARTITIONS)}
        self.some = threading.Condition()

    def __call__(self, messages: list[Message]) -> None:
        """Take messages."""
        with self.some:
            for message in messages:
                self.values[message.partition() or 0].append(message.value() or b"")
            self.some.notify_all()

    def wait(self, count: int) -> None:
        """Block until so many were taken."""
        with self.some:
            assert self.some.wait_for(lambda: sum(map(len, self.values.values())) >= count, PATIENCE_S)


@pytest.fixture
def settings(embedded: EmbeddedCluster) -> Settings:
    """Give settings for a cluster that has the topic."""
    embedded.create([TOPIC])
    return Settings.load(brokers=embedded.bootstrap_servers, replica_timeout_s=PATIENCE_S)


def _produce(settings: Settings, first: int, count: int, partitions: int = PARTITIONS) -> None:
    """Write numbered records round the partitions."""
    writer = producer(settings)
    for number in range(first, first + count):
        writer.produce(TOPIC, key=b"k", value=b"%d" % number, partition=number % partitions)
    assert writer.flush(10) == 0


def test_everything_there_is_read_before_the_wait_ends(settings: Settings) -> None:
    """Caught up means: every record that was there at the start is applied, in each partition's order."""
    _produce(settings, 0, 1_000)
    taker = Taker()
    reader = TableReader(settings, TOPIC, range(PARTITIONS), taker)
    reader.start()
    reader.wait()
    assert reader.caught_up
    assert (reader.read_progress.rows, reader.read_progress.remaining) == (1_000, 0)
    for partition, values in taker.values.items():
        assert values == [b"%d" % n for n in range(partition, 1_000, PARTITIONS)]
    _produce(settings, 1_000, 100)
    taker.wait(1_100)
    reader.stop()


def test_empty_partitions_are_ends_too(settings: Settings) -> None:
    """A topic without a record is caught up with at once."""
    reader = TableReader(settings, TOPIC, range(PARTITIONS), Taker())
    reader.start()
    began = time.monotonic()
    reader.wait()
    assert time.monotonic() - began < settings.replica_timeout_s
    reader.stop()


def test_only_the_given_partitions_are_read(settings: Settings) -> None:
    """Partitions beyond the title shards stay unread."""
    _produce(settings, 0, 40)
    taker = Taker()
    reader = TableReader(settings, TOPIC, [1], taker)
    reader.start()
    reader.wait()
    reader.stop()
    assert {p: len(v) for p, v in taker.values.items()} == {0: 0, 1: 10, 2: 0, 3: 0}


def test_a_record_that_cannot_be_applied_ends_the_process(settings: Settings) -> None:
    """The thread does not die in silence with half a replica: whoever waits never goes on."""
    _produce(settings, 0, 1)
    died: list[BaseException] = []
    dead = threading.Event()

    def fail(_: list[Message]) -> None:
        message = "cannot be applied"
        raise ValueError(message)

    def die(error: BaseException) -> None:
        died.append(error)
        dead.set()

    short = settings.model_copy(update={"replica_timeout_s": 0.05})
    reader = TableReader(short, TOPIC, range(PARTITIONS), fail, die=die)
    reader.start()
    assert dead.wait(PATIENCE_S)
    with pytest.raises(BrokerError, match="was not read to its end"):
        reader.wait()
    reader.stop()
    assert [str(error) for error in died] == ["cannot be applied"]


def test_errors_are_logged_and_ends_are_noted(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    """An end of a partition takes it off the list; any other error is a log line, not a record."""

    class Failed:
        """A message that is an error."""

        def __init__(self, code: int) -> None:
            self._error = KafkaError(code)

        def error(self) -> KafkaError:
            """Return the error."""
            return self._error

        def partition(self) -> int:
            """Return the partition."""
            return 2

    waiting = {1, 2}
    reader = TableReader(settings, TOPIC, [1, 2], Taker())
    found = [Failed(KafkaError._PARTITION_EOF), Failed(KafkaError._ALL_BROKERS_DOWN)]
    assert reader._records(found, waiting) == []  # type: ignore[arg-type]
    assert waiting == {1}
    assert "reader_error" in capsys.readouterr().out
