"""The demo's subscriber: pages as they come, one viewer's changes and their cause, what is trending."""

from collections.abc import Iterator

import pytest

from schemas import topics
from schemas.codec import encode
from schemas.fields import RowKind
from schemas.pages import Home, Item, Row, Source, Trending, TrendingItem
from streams.config.settings import Settings
from streams.kafka.clients import Message, Producer, producer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs import subscriber as watching
from streams.ops.runs.subscriber import Subscriber
from tests.streams.steps import watch
from tests.waiting import until

NOW_MS = 1_700_000_000_000


@pytest.fixture
def writer(embedded: EmbeddedCluster) -> Producer:
    """Give a producer on a cluster that has the topics."""
    embedded.create([topics.HOME, topics.TRENDING, topics.EVENTS])
    return producer(embedded.bootstrap_servers)


@pytest.fixture
def reader(embedded: EmbeddedCluster, writer: Producer) -> Iterator[Subscriber]:
    """Give a subscriber that reads already."""
    assert writer is not None
    subscriber = Subscriber(Settings(brokers=embedded.bootstrap_servers))
    subscriber.start()
    yield subscriber
    subscriber.stop()


def _put(writer: Producer, topic: str, key: str, value: bytes | None) -> Source:
    """Produce a record; return where it stands."""
    done: list[Message] = []
    writer.produce(topic, value, key=key, on_delivery=lambda _, record: done.append(record))
    assert writer.flush(10) == 0
    return Source(topic=topic, partition=done[0].partition() or 0, offset=done[0].offset() or 0)


def _page(writer: Producer, viewer: str, seq: int, cause: Source | None = None) -> Home:
    """Produce a viewer's page with an event of its own, or the given one, as cause."""
    event = watch(viewer, "sky", seq)
    page = Home(
        viewer_id=viewer,
        list_id=f"l{seq}",
        seq=seq,
        generated_at_ms=NOW_MS,
        expires_at_ms=NOW_MS,
        model_version="m",
        source=cause or _put(writer, topics.EVENTS, viewer, encode(event)),
        rows=(Row(kind=RowKind.TOP_PICKS, items=(Item(title_id="sky", score=1.0),)),),
    )
    _put(writer, topics.HOME, viewer, encode(page))
    return page


def test_who_comes_back_is_shown_with_what_he_did(writer: Producer, reader: Subscriber) -> None:
    """The second page of a viewer is shown beside his first and the event that the page names."""
    first = _page(writer, "ann", 1)
    until(lambda: reader.lists == 1)
    assert reader.first_list_s is not None
    assert reader.shown is None
    second = _page(writer, "ann", 2)
    until(lambda: reader.shown is not None)
    assert reader.shown is not None
    assert (reader.shown.page, reader.shown.former) == (second, first)
    assert reader.shown.cause == watch("ann", "sky", 2)


def test_one_viewer_is_shown_until_he_is_silent(
    writer: Producer, reader: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others who come back do not interrupt; after the viewer's silence the next one does."""
    for number, viewer in enumerate(["ann", "ann", "bob", "bob", "ann"]):
        _page(writer, viewer, number)
    until(lambda: reader.lists == 5 and reader.shown is not None and reader.shown.page.seq == 4)
    assert reader.shown is not None
    assert (reader.shown.page.viewer_id, reader.shown.former.seq) == ("ann", 1)
    monkeypatch.setattr(watching, "SHOWN_S", 0.0)
    _page(writer, "bob", 5)
    until(lambda: reader.shown is not None and reader.shown.page.viewer_id == "bob")
    assert reader.shown.former.seq == 3


def test_a_cause_that_is_gone_is_no_cause(
    writer: Producer, reader: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that cannot be read leaves the page without its event, not the demo without its page."""
    monkeypatch.setattr(watching, "CAUSE_S", 0.1)
    nowhere = Source(topic=topics.EVENTS, partition=0, offset=999)
    for number in (1, 2):
        _page(writer, "ann", number, nowhere)
    until(lambda: reader.shown is not None)
    assert reader.shown is not None
    assert reader.shown.cause is None


def test_trending_is_read_from_whatever_partition(writer: Producer, reader: Subscriber) -> None:
    """The embedded cluster has four of them, and the key decides; a forgotten page is no page."""
    trending = Trending(
        scope="global",
        generated_at_ms=NOW_MS,
        half_life_s=86_400.0,
        items=(TrendingItem(title_id="sky", score=2.0),),
        model_version="m",
    )
    _put(writer, topics.HOME, "ann", None)
    source = _put(writer, topics.TRENDING, "global", encode(trending))
    assert source.partition > 0
    until(lambda: reader.trending is not None)
    assert reader.trending == trending
    assert reader.lists == 0


def test_the_memory_of_pages_is_bounded(
    writer: Producer, reader: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of more viewers than are remembered, those who came longest ago are forgotten."""
    monkeypatch.setattr(watching, "KEPT", 2)
    for number, viewer in enumerate("abcd"):
        _page(writer, viewer, number)
        until(lambda wanted=number + 1: reader.lists == wanted)  # type: ignore[misc]
    assert set(reader._pages) == {b"c", b"d"}
