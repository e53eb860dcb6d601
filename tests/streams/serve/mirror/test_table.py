"""A topic on this machine's disk: what is kept, across restarts too."""

from pathlib import Path

from schemas import topics
from schemas.codec import encode
from streams.engine.state import StoreMemory
from streams.kafka.topics import describe_topics
from streams.serve.mirror.table import Change, Table
from tests.streams.serve.stand import TITLES, Stand


class Opened:
    """A table of the catalog that was read to its end, and the changes that it reported."""

    def __init__(self, stand: Stand, folder: Path) -> None:
        self.changes: list[Change] = []
        name = stand.settings.topic(topics.CATALOG)
        facts = describe_topics(stand.settings, [name])[name]
        self.table = Table(
            stand.settings, topics.CATALOG, facts, folder, StoreMemory(),
            delete_retention_s=3_600.0, on_change=self.changes.extend, replay=True,
        )  # fmt: skip
        self.table.start()
        self.table._reader.wait()

    @property
    def read(self) -> int:
        """Records that were read from the topic."""
        return self.table._reader.read_progress.rows


def test_a_restart_continues_and_replays_stored_rows(stand: Stand, tmp_path: Path) -> None:
    """Three titles, then a restart after one was changed and one withdrawn: two records are read."""
    for title in TITLES[:3]:
        stand.put(topics.CATALOG, title.title_id, encode(title))
    first = Opened(stand, tmp_path)
    assert first.read == 3
    assert dict(first.changes) == {title.title_id.encode(): encode(title) for title in TITLES[:3]}
    first.table.stop()

    stand.put(topics.CATALOG, "tide", b"changed")
    stand.put(topics.CATALOG, "coast", None)
    second = Opened(stand, tmp_path)
    assert second.read == 2
    assert dict(second.changes) == {b"tide": b"changed", b"engine": encode(TITLES[1]), b"coast": None}
    found = second.table.get(b"tide")
    assert found is not None
    assert found.value == b"changed"
    assert second.table.get(b"coast") is None
    assert second.table.get_many([b"none", b"engine"]) == [None, encode(TITLES[1])]
    assert dict(second.table.rows()) == {b"tide": b"changed", b"engine": encode(TITLES[1])}
    second.table.stop()


def test_a_table_of_another_topic_is_not_taken_for_this_one(stand: Stand, tmp_path: Path) -> None:
    """One that ends before what was read is a new one: the database is wiped, not believed."""
    stand.put(topics.CATALOG, "tide", b"one")
    first = Opened(stand, tmp_path)
    store = next(store for store in first.table._stores.values() if store.get(b"tide"))
    store.write([(b"ghost", b"x" * 30)], applied=99, changelog_position=100)
    first.table.stop()
    second = Opened(stand, tmp_path)
    assert [key for key, _ in second.table.rows()] == [b"tide"]
    second.table.stop()
