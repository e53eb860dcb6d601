"""Topics on the embedded cluster for server tests, filled as the stages fill them."""

from pathlib import Path

import numpy as np

from online_models.config import ModelConfig
from online_models.tables.titles import TitleTable, title_key
from schemas import Tags, Title, Trailer, topics
from schemas.catalog import Availability
from schemas.codec import encode
from schemas.fields import ItemReason, RowKind
from schemas.pages import Home, Item, Row, Source, Trending, TrendingItem
from streams.config.settings import Settings
from streams.kafka.clients import Message, consumer, producer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.subscriber import parts_of
from streams.serve.mirror.mirror import Mirror
from streams.stages.wire import title_rows
from streams.telemetry.metrics import Metrics
from tests.neighbours import set_neighbours

TITLES = (
    Title(
        title_id="tide",
        name="Paper Tide",
        tags=Tags(genre=("Drama",), mood=("tender",)),
        release_ms=10**12,
        trailers=tuple(
            Trailer(id=f"cut-{tag}", uri=f"tide/{tag}.mp4", duration_s=90.0, tags=(tag,))
            for tag in ("Drama", "tender")
        ),
    ),
    Title(
        title_id="engine",
        name="Copper Engine",
        tags=Tags(genre=("Comedy",)),
        maturity=16,
        release_ms=2 * 10**12,
    ),
    Title(title_id="coast", name="Salt Coast", availability=Availability(countries=("DE",)), release_ms=3),
    Title(title_id="gone", name="Gone Already", availability=Availability(end_ms=10**12)),
)


class Stand:
    """A cluster, and topics as the stages fill them."""

    def __init__(self, cluster: EmbeddedCluster, folder: Path) -> None:
        self.settings = Settings.load(brokers=cluster.bootstrap_servers, state_dir=folder)
        cluster.create(spec.name for spec in self.settings.topic_table().values())
        self.writer = producer(self.settings)
        self.metrics = Metrics()

    def put(self, topic: str, key: str, value: bytes | None) -> None:
        """Write a record and wait until it is there."""
        self.writer.produce(self.settings.topic(topic), value, key.encode())
        assert self.writer.flush(10) == 0

    def fill(self, *, model: bool = True) -> None:
        """Write a catalog, a trending list, a title model, and Ada's page."""
        for title in TITLES:
            self.put(topics.CATALOG, title.title_id, encode(title))
        self.put(topics.TRENDING, "global", encode(trending("tide", "engine", "coast", "gone")))
        self.put(
            topics.TRENDING, "country:FR", encode(trending("gone", "engine", "tide", scope="country:FR"))
        )
        self.put(topics.TRENDING, "country:IT", encode(trending("gone", scope="country:IT")))
        self.put(topics.TRENDING, "device:tv", encode(trending("engine", scope="device:tv")))
        self.put(topics.TRENDING, "genre:Drama", encode(trending("tide", scope="genre:Drama")))
        self.put(topics.HOME, "ada", encode(page("ada", 1, "engine", "tide")))
        for key, value in model_rows(self.settings.model) if model else ():
            self.put(topics.TITLE_MODEL, key, value)

    def mirror(self) -> Mirror:
        """Return a mirror of the topics."""
        return Mirror(self.settings, self.metrics)

    def events(self) -> list[Message]:
        """Return the viewing events that were produced."""
        return self.records(topics.EVENTS)

    def records(self, topic: str) -> list[Message]:
        """Return the records of a topic."""
        reader = consumer(self.settings, {"enable.partition.eof": True})
        places = parts_of(reader, self.settings.topic(topic))
        reader.assign(places)
        found: list[Message] = []
        ended: set[int | None] = set()  # a partition ends again when a record has come to it
        while len(ended) < len(places):
            message = reader.poll(0.1)
            if message is not None and message.error() is None:
                found.append(message)
            elif message is not None:
                ended.add(message.partition())
        reader.close()
        return found


def trending(*titles: str, scope: str = "global") -> Trending:
    """Return a trending list."""
    items = tuple(TrendingItem(title_id=t, score=float(9 - n)) for n, t in enumerate(titles))
    return Trending(scope=scope, generated_at_ms=1_700_000_000_000, half_life_s=86_400.0, items=items)


def page(viewer: str, seq: int, *titles: str, expires_at_ms: int = 4_000_000_000_000) -> Home:
    """Return a page of one row, which expires in the year 2096."""
    items = tuple(Item(title_id=t, score=float(-n)) for n, t in enumerate(titles))
    return Home(
        viewer_id=viewer, list_id=f"0-{seq}-{seq}", seq=seq, generated_at_ms=1_700_000_000_000,
        expires_at_ms=expires_at_ms, model_version="1@x",
        source=Source(topic="viewing.events.v1", partition=0, offset=seq),
        rows=(Row(kind=RowKind.TOP_PICKS, reason=ItemReason.TASTE, items=items),),
    )  # fmt: skip


def model_rows(config: ModelConfig) -> list[tuple[str, bytes]]:
    """Return rows of three titles; those who watch `tide` watch `engine`, and a little `coast`."""
    table = TitleTable(config)
    rows = table.intern(["tide", "engine", "coast"])
    table.arrays.watches[rows] = (9.0, 4.0, 1.0)
    set_neighbours(table, rows[0], rows[1:], (6.0, 1.0))
    assert title_key("tide") in table.arrays.key
    return [(key.decode(), value or b"") for key, value in title_rows.pack(table, rows.astype(np.int32))]


def caught_up(mirror: Mirror) -> None:
    """Wait until a mirror is ready."""
    for table in mirror._tables.values():
        table._reader.wait()
    mirror._rules.wait()
