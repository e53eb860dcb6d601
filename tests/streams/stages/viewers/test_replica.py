"""The replica: newest rows, guards in any order, and how much of what was sent is learned."""

import numpy as np
import pytest

from online_models.tables.titles import TitleTable
from schemas import Title, topics
from schemas.codec import encode
from streams.config.settings import Settings
from streams.errors import BrokerError
from streams.stages.viewers.replica import Replica
from streams.stages.wire import title_rows
from streams.stages.wire.partition_rows import LEARNED
from streams.telemetry.metrics import Metrics
from tests.streams.steps import Line, message, watch


def _replica(**settings: object) -> Replica:
    """Make a replica that reads nothing by itself."""
    return Replica(Settings(**settings), partitions=1, viewer_partitions=2, metrics=Metrics())


def _row(watches: float, title: str = "t1") -> tuple[bytes, bytes]:
    """Pack a title with so many watches."""
    titles = TitleTable(Settings().model)
    rows = titles.intern([title])
    titles.arrays.watches[rows], titles.arrays.counts[rows] = watches, [int(watches), 0, 0]
    ((key, value),) = title_rows.pack(titles, rows)
    assert value is not None
    return key, value


def _watches(replica: Replica, title: str = "t1") -> float:
    """Return what the replica believes."""
    row = replica.titles.row(title)
    assert row is not None
    return float(replica.titles.arrays.watches[row])


@pytest.mark.parametrize("together", [True, False])
def test_the_newest_row_of_a_key_wins(together: bool) -> None:
    """Whether two rows of a title come in one read or in two."""
    replica = _replica()
    messages = [message(*_row(1)), message(*_row(5, "t2")), message(*_row(3))]
    for part in [messages] if together else [[m] for m in messages]:
        replica.take_rows(part)
    assert (_watches(replica), _watches(replica, "t2")) == (3, 5)
    assert replica.titles.arrays.size[1] == 2
    assert replica._metrics.registry.get_sample_value("nearline_replica_rows") == 2


@pytest.mark.parametrize("together", [True, False])
def test_an_evicted_title_is_shown_to_nobody(together: bool) -> None:
    """Until it is learned anew, however the reads are cut; other tombstones mean nothing."""
    replica = _replica()
    messages = [
        message(*_row(2)),
        message(*_row(1, "t2")),
        message(b"t1", None),
        message(None, b"?"),
        message(LEARNED.key, None),
    ]
    for part in [messages] if together else [[m] for m in messages]:
        replica.take_rows(part)

    def shown() -> set[str]:
        allowed = replica.catalog.allowed(limit=255, country=0, now_ms=0).tolist()
        return {name for name, may in zip(replica.titles.ids, allowed, strict=True) if may}

    assert shown() == {"t2"}
    replica.take_rows([message(*_row(3))])
    assert shown() == {"t1", "t2"}
    active = replica.titles.arrays.active[: replica.titles.arrays.size[1]].tolist()
    assert sorted(replica.titles.ids[row] for row in active) == ["t1", "t2"]


def test_learned_is_what_every_shard_has_learned() -> None:
    """The slowest shard counts, a count never falls, and partitions beyond ours are passed over."""
    replica = _replica(title_shards=2)
    for shard, counts in ((0, [10, 4, 99]), (1, [7]), (1, [5, 6])):
        key, value = LEARNED.row(np.array(counts, np.int64))
        replica.take_rows([message(key, value, partition=shard)])
    assert [replica.learned(p) for p in (0, 1)] == [7, 4]


def test_the_stages_own_records_are_no_titles() -> None:
    """Applied records and counts make no row."""
    replica = _replica()
    replica.take_rows([message(b"\0applied", b"x"), message(*LEARNED.row(np.zeros(1, np.int64)))])
    assert len(replica.titles) == 0


@pytest.mark.parametrize("withdrawn_first", [True, False])
def test_a_withdrawn_title_is_listed_to_nobody(withdrawn_first: bool) -> None:
    """The two topics are read by two threads: the tombstone counts also when it comes before the row."""
    replica = _replica()
    steps = [
        lambda: replica.take_titles([message(b"t1", None)]),
        lambda: replica.take_rows([message(*_row(9))]),
    ]
    for step in steps if withdrawn_first else reversed(steps):
        step()
    assert replica.catalog.allowed(limit=255, country=0, now_ms=0).tolist() == [False]
    replica.take_titles([message(b"t1", encode(Title(title_id="t1")))])
    assert replica.catalog.allowed(limit=255, country=0, now_ms=0).tolist() == [True]


def test_records_and_withdrawals_of_one_read_count_in_their_order() -> None:
    """The last one of a title decides."""
    replica = _replica()
    a, b = (message(t.encode(), encode(Title(title_id=t))) for t in ("a", "b"))
    replica.take_titles([a, message(b"a", None), message(b"b", None), b])
    listed = replica.catalog.allowed(limit=255, country=0, now_ms=0).tolist()
    assert dict(zip(replica.titles.ids, listed, strict=True)) == {"a": False, "b": True}


def test_an_unusable_catalog_record_is_passed_over(capsys: pytest.CaptureFixture[str]) -> None:
    """It is logged by key, place and reason, and the records around it count."""
    replica = _replica()
    good = [message(t.encode(), encode(Title(title_id=t))) for t in ("a", "b")]
    replica.take_titles([good[0], message(b"x", b'{"title_id":7}', offset=41), good[1]])
    listed = replica.catalog.allowed(limit=255, country=0, now_ms=0).tolist()
    assert dict(zip(replica.titles.ids, listed, strict=True)) == {"a": True, "b": True, "x": False}
    said = capsys.readouterr().out
    assert "table_record_unusable" in said
    assert all(word in said for word in ("41", "key=x", "field=title_id"))


def test_it_reads_what_the_titles_stage_writes() -> None:
    """Vectors, biases, neighbours and counters arrive as they were learned."""
    line = Line()
    line.feed(*(watch(f"v{v}", f"t{(v + k) % 9}", 3 * v + k) for v in range(20) for k in range(4)))
    line.feed(watch("ada", "t1"))
    learned, read = line.titles[0]._side.titles, line.replica.titles
    assert sorted(learned.ids) == sorted(read.ids)
    ids = learned.ids
    fresh = [learned.row(t) for t in ids], [read.row(t) for t in ids]
    for name in ("watches", "norm", "trend", "trend_at", "counts"):
        ours, theirs = getattr(learned.arrays, name)[fresh[0]], getattr(read.arrays, name)[fresh[1]]
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    assert (read.arrays.norm[: len(read)] < 1).any()


def test_waiting_has_an_end() -> None:
    """A topic that cannot be read in time is an error with a next step, not a hang."""
    with pytest.raises(BrokerError, match=topics.CATALOG) as caught:
        _replica(replica_timeout_s=0.01).wait()
    assert "NEARLINE_REPLICA_TIMEOUT_S" in caught.value.next_step
