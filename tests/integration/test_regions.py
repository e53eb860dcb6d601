"""Two regions, each with a Kafka of its own, and MirrorMaker between them: what ADR 55 says, by test."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from online_models.simulation import World
from schemas import topics
from schemas.codec import decode_home
from streams.config.settings import Settings
from streams.kafka.clients import Message, TopicPartition, consumer
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, cluster_port, free_port, make_topics
from tests.conftest import run_cluster
from tests.integration import oracle
from tests.integration.connect import FOLDER, Connect
from tests.waiting import until

EVENTS = 600
"""Of each part of the test."""
MIRRORED = (topics.EVENTS, topics.CATALOG, topics.HOME)
READERS = "readers"


@pytest.fixture
def east(tmp_path: Path) -> Iterator[KafkaCluster]:
    """Give the Kafka of a second region."""
    cluster = KafkaCluster(tmp_path / "east", port=cluster_port(), cache_dir=Settings().cache_dir)
    with run_cluster(cluster):
        yield cluster


@contextmanager
def _mirror(west: Settings, east: Settings, folder: Path) -> Iterator[Connect]:
    names = ",".join(west.topic(name).replace(".", r"\.") for name in MIRRORED)
    variables = {
        "NEARLINE_WEST": west.brokers,
        "NEARLINE_EAST": east.brokers,
        "NEARLINE_MIRRORED": names,
        "NEARLINE_GROUPS": f"{west.topic_prefix}{READERS}",
        "NEARLINE_CONNECT_LISTENER": f"http://127.0.0.1:{free_port()}",
    }
    text = (FOLDER / "mirror.properties").read_text(encoding="utf-8")
    kinds = ("", *(f"{kind}." for kind in ("checkpoints.topic", "heartbeats.topic", "offset-syncs.topic")))
    stores = ("offset.storage.", "status.storage.", "config.storage.")
    one = "".join(f"{kind}replication.factor=1\n" for kind in (*kinds, *stores))
    own = folder / "mirror.properties"
    own.write_text(text + one + "offset.flush.interval.ms=1000\n", encoding="utf-8")
    with Connect("org.apache.kafka.connect.mirror.MirrorMaker", [str(own)], folder, variables) as mirror:
        yield mirror


def _by_partition(messages: list[Message]) -> dict[int, list[tuple[object, ...]]]:
    found = defaultdict(list)
    for message in messages:
        found[message.partition() or 0].append((message.key(), message.value(), message.timestamp()[1]))
    return dict(found)


def _newest(settings: Settings) -> dict[bytes, bytes | None]:
    return {message.key() or b"": message.value() for message in oracle.read(settings, topics.HOME)}


def _feed(settings: Settings, world: World) -> None:
    with EventProducer(settings) as producer:
        producer.send(world.take(EVENTS))


def _positions(settings: Settings) -> dict[int, int]:
    """Return where the group of readers is, by partition of the pages."""
    reader = consumer(settings, {"group.id": f"{settings.topic_prefix}{READERS}"})
    places = [TopicPartition(settings.topic(topics.HOME), number) for number in range(oracle.PARTITIONS)]
    found = {place.partition: place.offset for place in reader.committed(places, timeout=20)}
    reader.close()
    return {number: offset for number, offset in found.items() if offset >= 0}


def _commit_at_the_ends(settings: Settings) -> None:
    """Let the group of readers have read all pages."""
    reader = consumer(settings, {"group.id": f"{settings.topic_prefix}{READERS}"})
    places = [TopicPartition(settings.topic(topics.HOME), number) for number in range(oracle.PARTITIONS)]
    ends = [reader.get_watermark_offsets(place, timeout=20)[1] for place in places]
    reader.commit(
        offsets=[
            TopicPartition(place.topic, place.partition, end)
            for place, end in zip(places, ends, strict=True)
            if end
        ],
        asynchronous=False,
    )
    reader.close()


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_second_region_goes_on_where_the_first_was(
    kafka: KafkaCluster, east: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """Events arrive once and in order though the mirror is killed; then state is equal, and pages go on.

    Page numbers begin anew in the second region: they are numbers of one region's log.
    """
    first = Settings.load(
        brokers=kafka.bootstrap_servers, topic_prefix=topic_prefix, group=f"{topic_prefix}n"
    )
    second = Settings.load(
        brokers=east.bootstrap_servers, topic_prefix=topic_prefix, group=f"{topic_prefix}n"
    )
    make_topics(first)
    make_topics(second)
    world = World(seed=9, viewers=60, titles=120, rate=1_000.0)
    with EventProducer(first) as producer:
        producer.send_titles(world.titles)
    (tmp_path / "mirror").mkdir()

    def copied(*names: str) -> bool:
        pairs = ((len(oracle.read(one, name)) for one in (first, second)) for name in names)
        return all(there and there == here for there, here in pairs)

    with WorkerProcess(first, tmp_path / "first") as worker:
        worker.wait_ready()
        _feed(first, world)
        with _mirror(first, second, tmp_path / "mirror") as mirror:
            until(
                lambda: copied(topics.EVENTS), worker, seconds=240, why=str(tmp_path / "mirror/connect.log")
            )
            mirror.kill()
        _feed(first, world)
        oracle.await_answers(first, [worker])
        _commit_at_the_ends(first)
        with _mirror(first, second, tmp_path / "mirror"):
            until(lambda: copied(*MIRRORED), worker, seconds=240, why=str(tmp_path / "mirror/connect.log"))
            ends = _positions(first)
            until(lambda: _positions(second).keys() == ends.keys(), seconds=120)
        assert worker.stop() == 0
    for name in MIRRORED:  # each once and in order, with the times by which windows and trends go
        assert _by_partition(oracle.read(second, name)) == _by_partition(oracle.read(first, name))
    for number, offset in _positions(second).items():  # never behind a page that the group has not read
        reader = [m.offset() for m in oracle.read(second, topics.HOME) if m.partition() == number]
        assert offset <= reader[-1] + 2  # behind the last page is the marker of its transaction
    assert _newest(second) == _newest(first)
    mirrored = {m.partition(): m.offset() or 0 for m in oracle.read(second, topics.HOME)}
    with WorkerProcess(second, tmp_path / "second") as worker:
        worker.wait_ready()
        oracle.await_answers(second, [worker])
        assert oracle.observed(second).viewers == oracle.observed(first).viewers
        _feed(second, world)
        oracle.await_answers(second, [worker])
    own = [m for m in oracle.read(second, topics.HOME) if (m.offset() or 0) > mirrored.get(m.partition(), -1)]
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for page in (decode_home(message.value()) for message in own if message.value() is not None):
        numbers[page.viewer_id].append(page.seq)
        assert page.seq <= page.source.offset + 1
    assert all(found == sorted(set(found)) for found in numbers.values())
    assert min(found[0] for found in numbers.values()) == 1
