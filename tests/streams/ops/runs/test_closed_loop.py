"""Pages from Kafka as a policy: what viewers see, and for how long they wait."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from online_models.simulation import World
from online_models.simulation.page_views import PageViews, PendingView
from schemas.codec import encode
from schemas.events import Skip
from schemas.pages import Home, Item, Row, RowKind, Source, Trending, TrendingItem
from schemas.topics import CATALOG, EVENTS, HOME, TRENDING, VIEWER_STATE
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, pack_applied
from streams.engine.changelog import ends
from streams.kafka.clients import consumer, producer
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs import closed_loop
from streams.ops.runs.closed_loop import PublishedPages

NOW_MS = 1_767_225_600_000


@dataclass
class Desk:
    """A cluster without a worker: the test publishes the pages."""

    published: PublishedPages
    settings: Settings

    def publish(self, topic: str, record: Any) -> None:
        """Put a page or a list on its topic."""
        sender = producer(self.settings)
        key = record.viewer_id if isinstance(record, Home) else record.scope
        sender.produce(topic, key=key.encode(), value=encode(record))
        sender.flush()

    def apply(self) -> None:
        """Say that all events are applied, as the worker's changelog does."""
        sender, reader = producer(self.settings), consumer(self.settings)
        for partition in range(4):
            last = ends(reader, EVENTS, partition)[1] - 1
            sender.produce(VIEWER_STATE, key=APPLIED_KEY, value=pack_applied(last), partition=partition)
        sender.flush()
        reader.close()

    def see(self, account: int) -> list[list[int]]:
        """Return what a viewer sees, row by row."""
        looks = PageViews.of([PendingView(60.0, account, 0, 0, -1, 0.0)], np.array([account]))
        return [
            [title for title in row if title >= 0] for row in self.published.pages(looks).titles[0].tolist()
        ]


@pytest.fixture
def desk(embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Give topics, and a policy that reads them and waits for half a second at most."""
    embedded.create([EVENTS, CATALOG, HOME, TRENDING, VIEWER_STATE])
    monkeypatch.setattr(closed_loop, "UP_TO_DATE_S", 0.5)
    settings = Settings.load(brokers=embedded.bootstrap_servers)
    with EventProducer(settings) as sender:
        published = PublishedPages(World(seed=1, viewers=3, titles=60), settings, sender)
        yield Desk(published, settings)
        published.close()


def home(viewer: str, seq: int, at_ms: int, *rows: tuple[int, ...]) -> Home:
    """Return a page of rows of titles."""
    return Home(
        viewer_id=viewer,
        list_id=f"0-{seq}-{seq}",
        seq=seq,
        generated_at_ms=NOW_MS + at_ms,
        expires_at_ms=NOW_MS + at_ms + 1,
        model_version="m",
        source=Source(topic=EVENTS, partition=0, offset=seq),
        rows=tuple(
            Row(kind=RowKind.TOP_PICKS, items=tuple(Item(title_id=f"title-{n:06d}", score=0.0) for n in row))
            for row in rows
        ),
    )


def skip(viewer: str, title: int, at_ms: int) -> Skip:
    """Return a title turned down."""
    return Skip(
        event_id=f"{viewer}{title}{at_ms}",
        viewer_id=viewer,
        event_time_ms=NOW_MS + at_ms,
        title_id=f"title-{title:06d}",
    )


def eventually(desk: Desk, account: int, expected: list[list[int]]) -> None:
    """Look until the page is there; the pytest timeout ends what never comes."""
    while desk.see(account) != expected:
        pass


@pytest.mark.embedded
def test_who_has_no_page_sees_what_is_trending_and_then_the_own_page(desk: Desk) -> None:
    """First nothing, then trending, then the newest page with all its rows; titles not known are left out."""
    assert desk.see(1) == [[]]
    items = tuple(TrendingItem(title_id=f"title-{n:06d}", score=1.0) for n in (9, 8))
    desk.publish(TRENDING, Trending(scope="global", generated_at_ms=NOW_MS, half_life_s=60.0, items=items))
    eventually(desk, 1, [[9, 8]])
    desk.publish(HOME, home("viewer-0000001", 2, 10, (5, 4, 3), (2, 999)))
    eventually(desk, 1, [[5, 4, 3], [2]])
    desk.publish(HOME, home("viewer-0000001", 1, 20, (1,)))
    desk.publish(HOME, home("viewer-0000002", 1, 20, (7,)))
    eventually(desk, 2, [[7]])
    assert desk.see(1) == [[5, 4, 3], [2]]
    assert desk.published.unlisted > 0


@pytest.mark.embedded
def test_a_viewer_waits_until_what_happened_is_applied(desk: Desk) -> None:
    """Or until patience ends: then the look is stale. An event that makes no page is waited for as well."""
    desk.publish(HOME, home("viewer-0000001", 1, 10, (5,)))
    eventually(desk, 1, [[5]])
    assert desk.published.stale == 0
    desk.published.learn([skip("viewer-0000001", 5, 50)])
    assert desk.see(1) == [[5]]
    assert desk.published.stale == 1
    desk.publish(HOME, home("viewer-0000001", 2, 50, (6,)))
    desk.apply()
    assert desk.see(1) == [[6]]
    desk.published.learn([skip("viewer-0000001", 5, 90)])
    desk.apply()
    assert desk.see(1) == [[6]]
    assert desk.published.stale == 1
