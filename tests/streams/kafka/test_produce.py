"""The producer of events: Java's partitions, every record accounted for, order kept."""

from collections.abc import Iterator

import pytest

from online_models.simulation import World
from schemas import Event, Tags, Title
from schemas.codec import decode_event, decode_title
from schemas.partitioner import partition_for
from schemas.topics import CATALOG, EVENTS
from streams.config.settings import Settings
from streams.errors import DeliveryError
from streams.kafka.clients import Message, TopicPartition, consumer
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.embedded import EmbeddedCluster


def read_all(brokers: str, topic: str, count: int) -> list[Message]:
    """Read records of all four partitions."""
    reader = consumer(brokers)
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(4)])
    records: list[Message] = []
    while len(records) < count:
        got = reader.consume(min(1_000, count - len(records)), timeout=10)
        assert got, f"only {len(records)} of {count} records arrived"
        records += got
    reader.close()
    return records


@pytest.fixture
def settings(embedded: EmbeddedCluster) -> Iterator[Settings]:
    """Give settings for a fresh cluster whose topics carry a prefix."""
    embedded.create([f"t.{EVENTS}", f"t.{CATALOG}"])
    yield Settings.load(brokers=embedded.bootstrap_servers, topic_prefix="t.")  # noqa: PT022 - the cluster lives on


def test_events_arrive_once_in_order_on_javas_partition(settings: Settings) -> None:
    """Every event, one copy, keyed by viewer, in the viewer's order, where a Java producer would put it."""
    events = World(seed=2, viewers=30, titles=60).take(12_000)
    with EventProducer(settings) as producer:
        producer.send(events)
    assert (producer.sent, producer.delivered, producer.failed) == (12_000, 12_000, 0)
    arrived: dict[str, list[Event]] = {}
    for record in read_all(settings.brokers, f"t.{EVENTS}", 12_000):
        key, event = record.key(), decode_event(record.value())
        assert key == event.viewer_id.encode()
        assert record.partition() == partition_for(key, 4)
        arrived.setdefault(event.viewer_id, []).append(event)
    for viewer_id, theirs in arrived.items():
        assert theirs == [event for event in events if event.viewer_id == viewer_id]


def test_titles_go_to_the_catalogue_by_their_id(settings: Settings) -> None:
    """A record of the catalog has its title's id as key."""
    titles = World(seed=2, viewers=1, titles=60).titles
    with EventProducer(settings) as producer:
        producer.send_titles(titles)
    records = read_all(settings.brokers, f"t.{CATALOG}", 60)
    found = {record.key().decode(): decode_title(record.value()) for record in records}
    assert found == {title.title_id: title for title in titles}


def test_what_the_broker_never_took_is_counted_and_raised() -> None:
    """A broker that goes away is an error with the number of lost records, not a shorter stream."""
    with EmbeddedCluster() as cluster:
        producer = EventProducer(
            Settings.load(brokers=cluster.bootstrap_servers), {"message.timeout.ms": 300}
        )
    events = World(seed=2, viewers=3, titles=60).take(7)
    producer.send(events)
    with pytest.raises(DeliveryError, match="7 of 7 records were not delivered"):
        producer.flush()
    with pytest.raises(DeliveryError):
        producer.send(events)


def test_no_answer_in_time_is_an_error() -> None:
    """A flush that ends before the answers says how many are missing."""
    with EmbeddedCluster() as cluster:
        producer = EventProducer(Settings.load(brokers=cluster.bootstrap_servers))
    producer.send(World(seed=2, viewers=3, titles=60).take(3))
    with pytest.raises(DeliveryError, match="3 records are not acknowledged"):
        producer.flush(0.2)


def test_a_record_too_large_is_refused_at_once(settings: Settings) -> None:
    """The driver's own refusals name the topic and the reason."""
    producer = EventProducer(settings, {"message.max.bytes": 1_000})
    with pytest.raises(DeliveryError, match=r"refused .* records for t\.catalog"):
        producer.send_titles([Title(title_id="t1", tags=Tags(theme=("long" * 16,) * 20))])
