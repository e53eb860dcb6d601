"""What producers may send, good and bad: everything is answered as documented, and the partition moves on."""

import itertools
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from schemas import Reason, Stop, Title, topics
from schemas.codec import MAX_EVENT_BYTES, decode_dead_letter, decode_event, decode_home, encode
from schemas.fields import RowKind
from schemas.pages import Home, Source
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.engine.record_batches import LIMIT
from streams.kafka.clients import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    Message,
    Producer,
    ResourceType,
    TopicPartition,
    admin,
    consumer,
    producer,
)
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.integration import oracle
from tests.waiting import PATIENCE_S

PARTITIONS = oracle.PARTITIONS
LARGEST = 2_000_000
"""Bytes of the largest record: twice a broker's default limit, which the test raises."""
ROOM = {"message.max.bytes": 4_000_000}
TITLES = [f"title-{n}" for n in range(12)]
"""Fewer than a row has room for: titles that nobody has watched yet are tried before others."""
NOW_MS = time.time_ns() // 1_000_000
pytestmark = pytest.mark.slow


class Desk:
    """A producer's and a consumer's view of one worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.events = settings.topic(topics.EVENTS)
        self.writer = producer(settings, ROOM)
        self._reader = consumer(settings)
        home = settings.topic(topics.HOME)
        self._reader.assign([TopicPartition(home, number, 0) for number in range(PARTITIONS)])
        self._pages: dict[str, Home] = {}
        self._names = itertools.count()

    def viewer(self, partition: int | None = None) -> str:
        """Return a viewer whom nobody knows; of a partition, where one is given."""
        names = (f"viewer-{number}" for number in self._names)
        return next(name for name in names if partition in {None, partition_for(name.encode(), PARTITIONS)})

    def good(self, viewer: str, title: str = TITLES[0]) -> int:
        """Produce the event of somebody who watched a title; return its offset."""
        where = partition_for(viewer.encode(), PARTITIONS)
        return self.put(_watched(viewer, title), key=viewer, partition=where)

    def put(self, value: bytes | None, *, key: str | None, partition: int) -> int:
        """Produce a record; return its offset."""
        done: list[Message] = []
        self.writer.produce(
            self.events,
            value,
            key=key,
            partition=partition,
            on_delivery=lambda _, record: done.append(record),
        )
        assert self.writer.flush(20) == 0
        assert done[0].error() is None
        return int(done[0].offset() or 0)

    def page(self, viewer: str, timeout_s: float = PATIENCE_S) -> Home:
        """Wait for a viewer's newest page."""
        deadline = time.monotonic() + timeout_s
        while viewer not in self._pages:
            assert time.monotonic() < deadline, f"no page for {viewer}"
            self.look()
        return self._pages[viewer]

    def look(self) -> set[str]:
        """Read what pages there are; return who has one."""
        for message in self._reader.consume(1_000, 0.2):
            assert message.error() is None
            page = decode_home(message.value())
            self._pages[page.viewer_id] = page
        return set(self._pages)

    def close(self) -> None:
        """Leave."""
        self._reader.close()


@pytest.fixture(scope="module")
def desk(kafka: KafkaCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Give a worker on topics of its own, with a catalog; it has to be alive and well at the end."""
    folder = tmp_path_factory.mktemp("bad-input")
    settings = Settings.load(
        brokers=kafka.bootstrap_servers, topic_prefix=f"{folder.name}.", group=f"{folder.name}.n"
    )
    make_topics(settings)
    _allow_large(settings)
    with EventProducer(settings) as titles:
        titles.send_titles(Title(title_id=title) for title in TITLES)
    with WorkerProcess(settings, folder) as worker:
        worker.wait_ready()
        desk = Desk(settings)
        yield desk
        desk.close()
        assert worker.stop() == 0


def _allow_large(settings: Settings) -> None:
    """Let the events' topic take records of more than 1 MB."""
    entry = ConfigEntry("max.message.bytes", "4000000", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, settings.topic(topics.EVENTS), incremental_configs=[entry])
    client = admin(settings)
    client.incremental_alter_configs([resource])[resource].result(20)


def _watched(viewer: str, title: str = TITLES[0]) -> bytes:
    """Return the event of somebody who watched a title to its end."""
    return encode(
        Stop(
            event_id=f"{viewer}-{title}",
            viewer_id=viewer,
            event_time_ms=NOW_MS,
            title_id=title,
            watched_s=3_600.0,
            position_s=3_600.0,
        )
    )


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_every_compression_is_read(desk: Desk, codec: str) -> None:
    """Viewers of a producer that compresses get their pages, on every partition."""
    writer = producer(desk.settings, {"compression.type": codec, "linger.ms": 50})
    viewers = [desk.viewer() for _ in range(40)]
    for viewer in viewers:
        for title in TITLES[:5]:  # enough alike for the driver to find compression worth while
            writer.produce(desk.events, _watched(viewer, title), key=viewer)
    assert writer.flush(20) == 0
    assert {partition_for(viewer.encode(), PARTITIONS) for viewer in viewers} == set(range(PARTITIONS))
    assert all(desk.page(viewer).items_of(RowKind.TOP_PICKS) for viewer in viewers)


def test_uncommitted_events_are_never_read(desk: Desk) -> None:
    """Nothing of an aborted and of an open transaction is answered, before or after; a committed one is."""
    committed, aborted, undecided = (desk.viewer(partition) for partition in (0, 0, 1))
    writer = producer(desk.settings, {"transactional.id": f"{desk.settings.group}.somebody"})
    writer.init_transactions(20)
    _begin(desk, writer, committed)
    writer.commit_transaction(20)
    _begin(desk, writer, aborted)
    writer.abort_transaction(20)
    _begin(desk, writer, undecided)
    behind = desk.viewer(1)
    desk.good(behind)
    assert desk.page(committed).rows
    elsewhere = desk.viewer(2)
    desk.good(elsewhere)
    assert desk.page(elsewhere).rows
    assert not {aborted, undecided, behind} & desk.look()
    writer.abort_transaction(20)
    assert desk.page(behind).rows
    assert not {aborted, undecided} & desk.look()


def _begin(desk: Desk, writer: Producer, viewer: str) -> None:
    """Write a viewer's event in a transaction, to the broker, and leave it open."""
    writer.begin_transaction()
    writer.produce(desk.events, _watched(viewer), key=viewer)
    assert writer.flush(20) == 0


class Bad(NamedTuple):
    """A record that cannot be used."""

    reason: Reason
    value: bytes | None
    """@ stands for the viewer."""
    key: str | None = "@"
    elsewhere: bool = False
    """Whether it is forced into a partition that is not the key's."""


GOOD = _watched("@")
BAD = {
    "malformed": Bad(Reason.MALFORMED, GOOD[:-1]),
    "version": Bad(Reason.SCHEMA_VERSION, GOOD[:-1] + b',"schema_version":99}'),
    "not a number": Bad(Reason.MALFORMED, GOOD.replace(b'"watched_s":3600.0', b'"watched_s":NaN')),
    "empty": Bad(Reason.EMPTY, b""),
    "2 MB": Bad(Reason.TOO_LARGE, GOOD[:-1] + b',"more":"' + b"x" * LARGEST + b'"}'),
    "above the limit": Bad(Reason.TOO_LARGE, GOOD[:-1] + b',"more":"' + b"x" * MAX_EVENT_BYTES + b'"}'),
    "unknown type": Bad(Reason.UNKNOWN_TYPE, GOOD.replace(b'"stop"', b'"dance"')),
    "tombstone": Bad(Reason.TOMBSTONE, None),
    "wrong key": Bad(Reason.KEY_MISMATCH, GOOD, key="somebody else"),
    "no key": Bad(Reason.KEY_MISSING, GOOD, key=None),
    "wrong partition": Bad(Reason.PARTITION_MISMATCH, GOOD, elsewhere=True),
    "not UTF-8": Bad(Reason.NOT_UTF8, GOOD.replace(b"@", b"\xff")),
    "a list": Bad(Reason.WRONG_TYPE, b"[1,2]"),
    "below zero": Bad(Reason.OUT_OF_RANGE, GOOD.replace(b'"watched_s":3600.0', b'"watched_s":-1')),
    "no viewer": Bad(Reason.MISSING_FIELD, GOOD.replace(b'"viewer_id":"@",', b"")),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_record_becomes_one_dead_letter(desk: Desk, what: str) -> None:
    """Once, with its reason and where it stands; the good event behind it gets its page."""
    bad, viewer = BAD[what], desk.viewer()
    partition = (partition_for(viewer.encode(), PARTITIONS) + bad.elsewhere) % PARTITIONS
    value = bad.value if bad.value is None else bad.value.replace(b"@", viewer.encode())
    key = viewer if bad.key == "@" else bad.key
    offset = desk.put(value, key=key, partition=partition)
    next_one = desk.viewer(partition)
    desk.good(next_one)
    page = desk.page(next_one)
    assert (page.source.partition, page.source.offset) == (partition, offset + 1)
    source = Source(topic=desk.events, partition=partition, offset=offset)
    records = oracle.read(desk.settings, topics.DEAD_LETTERS)
    (letter,) = [one for one in (decode_dead_letter(m.value()) for m in records) if one.source == source]
    assert (letter.reason, letter.stage, letter.value_bytes) == (bad.reason, "viewers", len(value or b""))
    assert letter.key == (None if key is None else key.encode())
    assert viewer not in desk.look()
    assert viewer not in letter.message


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
def test_a_batch_that_is_large_when_decompressed_becomes_one_dead_letter(desk: Desk, codec: str) -> None:
    """Less than a megabyte on the wire, above the bound in memory: not opened, named, passed over."""
    writer, before, after = desk.writer, desk.viewer(1), desk.viewer(1)
    desk.good(before)
    desk.writer = producer(desk.settings, {"compression.type": codec, "message.max.bytes": 64 << 20})
    offset = desk.put(bytes(LIMIT + (1 << 20)), key=desk.viewer(1), partition=1)
    desk.writer = writer
    desk.good(after)
    page = desk.page(after)
    assert (page.source.partition, page.source.offset) == (1, offset + 1)
    assert desk.page(before).rows
    source = Source(topic=desk.events, partition=1, offset=offset)
    records = oracle.read(desk.settings, topics.DEAD_LETTERS)
    (letter,) = [one for one in (decode_dead_letter(m.value()) for m in records) if one.source == source]
    assert (letter.reason, letter.stage, letter.key, letter.value) == (
        Reason.TOO_LARGE,
        "viewers",
        None,
        None,
    )
    assert f"offsets {offset} to {offset}" in letter.message


def test_a_title_that_no_catalogue_knows_is_learned_and_listed(desk: Desk) -> None:
    """Not a dead letter: the event gets its page, and the title comes up for others."""
    fans = [desk.viewer() for _ in range(30)]
    for fan in fans:
        for title in (TITLES[7], "unheard-of"):
            desk.good(fan, title)
    assert all(desk.page(fan).rows for fan in fans)
    listed: set[str] = set()
    deadline = time.monotonic() + PATIENCE_S
    while "unheard-of" not in listed and time.monotonic() < deadline:
        viewer = desk.viewer()
        desk.put(
            _watched(viewer, TITLES[7]), key=viewer, partition=partition_for(viewer.encode(), PARTITIONS)
        )
        listed |= {item.title_id for item in desk.page(viewer).items_of(RowKind.TOP_PICKS)}
    assert "unheard-of" in listed


def test_bad_records_are_one_step_from_a_good_one() -> None:
    """What the bad records were made of is a good event."""
    assert decode_event(GOOD).viewer_id == "@"
