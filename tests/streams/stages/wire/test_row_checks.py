"""Rows and records that no worker wrote: they are recognized before anything is learned from them."""

from typing import Any

import numpy as np
import pytest

from online_models.experiments.exposure import Tally
from online_models.experiments.moments import Moments
from online_models.experiments.plan import ExperimentPlan
from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.visits import Searched, Visit
from online_models.tables.rows import TITLE_ROWS, VIEWER_ROWS
from schemas import Reason
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.errors import StateError, StateVersionError
from streams.stages.experiments.decisions import DecisionsStep
from streams.stages.experiments.rows import pack_tally
from streams.stages.insights.rows import VISITS
from streams.stages.insights.step import InsightsStep
from streams.stages.wire import partition_rows, title_rows, viewer_rows
from tests.streams.steps import T0, Line, MemoryStore, record, watch

MODEL = Settings().model


def _changed(row: bytes, dtype: np.dtype[Any], path: tuple[str, ...], value: Any) -> bytes:
    """Return a row with one field changed, in all its places."""
    head = np.frombuffer(row[: dtype.itemsize], dtype).copy()
    field: Any = head
    for name in path:
        field = field[name]
    field[...] = value
    return head.tobytes() + row[dtype.itemsize :]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("taste",), np.nan),
        (("acc",), -1.0),
        (("rejected_weight",), np.inf),
        (("last_at",), -1),
        (("stated_at",), 2**62),
        (("seq",), 2**60),
        (("session_items",), -5),
        (("streak_items",), -1),
        (("interaction", "bucket"), 200),
        (("interaction", "bin"), 255),
        (("interaction", "watched_now"), np.nan),
        (("country",), 0xFFFF),
        (("language",), 0x0101),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_a_viewers_row_that_no_worker_wrote_is_refused(path: tuple[str, ...], value: Any) -> None:
    """With the advice for damaged rows; the row as it was is read."""
    line = Line(Settings(prequential_share=0.0))
    line.feed(watch("ada", "t1", country="DE"))
    row = line.store.rows[b"ada"]
    load = viewer_rows.loader(line.store, MODEL)  # type: ignore[arg-type] - a store of tests
    assert load(["ada"]) == [row]
    line.store.rows[b"ada"] = _changed(row, VIEWER_ROWS.dtype(MODEL), path, value)
    with pytest.raises(StateError, match="or are damaged"):
        load(["ada"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("out", np.nan),
        ("acc", -1.0),
        ("trend_at", 2**62),
        ("counts", -1),
        ("sets", 12),
        ("version", 0xFF01),
    ],
)
def test_a_titles_row_that_no_worker_wrote_is_refused(name: str, value: Any) -> None:
    """As a viewer's."""
    line = Line(Settings(prequential_share=0.0))
    line.feed(watch("ada", "t1"))
    row = line.title_stores[0].rows[b"t1"]
    assert title_rows.unpack([row], MODEL).to_bytes() == [row]
    with pytest.raises(StateError, match="or are damaged"):
        title_rows.unpack([row, _changed(row, TITLE_ROWS.dtype(MODEL), (name,), value)], MODEL)


@pytest.mark.parametrize(
    ("kind", "value", "member"),
    [
        (partition_rows.PENDING_PAGE, (5, 2**62, 0), "ada"),
        (partition_rows.PENDING_PAGE, (5, -1, 0), "ada"),
        (partition_rows.PENDING_PAGE, (2**62, T0, 0), "ada"),
        (partition_rows.PENDING_PAGE, (5, T0, 2**62), "ada"),
        (partition_rows.SENT, 2**63, ""),
        (partition_rows.ROLE, (1, 2**62, True, "1"), ""),
        (partition_rows.TABLE_LETTERS, -2, "rules.v1-0"),
        (partition_rows.ALERTED, np.array([7, 2**62], np.uint64), "ada"),
        (partition_rows.ALERTED, np.array([7, T0, 8], np.uint64), "ada"),
        (
            partition_rows.DEPARTURES,
            partition_rows.DepartureRow(np.zeros(0, np.uint64), [(7, 2**63)]),
            "",
        ),
        (partition_rows.LEARNED, np.array([2**62]), ""),
    ],
    ids=lambda value: value.name if isinstance(value, partition_rows.PartitionRow) else "",
)
def test_a_partitions_row_that_no_worker_wrote_is_refused(
    kind: partition_rows.PartitionRow[Any], value: Any, member: str
) -> None:
    """With the advice for damaged rows, before a batch is learned."""
    store = MemoryStore(dict([kind.row(value, member)]))
    with pytest.raises(StateError, match=r"a number is out of its range .*nearline state verify"):
        kind.read(store, member)  # type: ignore[arg-type] - a store of tests


def test_a_pending_page_of_no_time_stops_the_partition_as_any_damaged_row() -> None:
    """With the advice, and not in the middle of a page."""
    line = Line(Settings(prequential_share=0.0))
    line.feed(*(watch("ada", f"t{n}", n) for n in range(3)))
    line.store.commit(Outcome(rows=[partition_rows.PENDING_PAGE.row((2, 2**62, 0), "ada")]))
    with pytest.raises(StateError, match="a number is out of its range"):
        line.restart()


VISIT = Visit("t1", 7, "DE", "", T0, starts=1, place=3)
TALLY = Tally(T0, T0, 0, {"new": Moments()})


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"\x01\xff",
        VISITS.pack(([VISIT._replace(place=10_000)], [])),
        VISITS.pack(([VISIT._replace(at_ms=-(2**62))], [])),
        VISITS.pack(([VISIT._replace(title_id="\x01")], [])),
        VISITS.pack(([VISIT._replace(seconds=2**62)], [])),
        VISITS.pack(([], [Searched("q" * 300, 7, T0)])),
    ],
)
def test_visits_that_no_worker_wrote_are_dead_letters(value: bytes | None) -> None:
    """What is around them is counted; a record of a newer version stops the stage, as everywhere."""
    step = InsightsStep(Settings(), MemoryStore(), CatalogSnapshot)  # type: ignore[arg-type]
    good = record(VISITS.pack(([VISIT], [])), offset=1)
    outcome = step([record(value), good])
    assert [letter.reason for letter in outcome.dead_letters] == [Reason.MALFORMED]
    assert b"tt1" in dict(outcome.rows)
    with pytest.raises(StateVersionError):
        step([record(b"\x09\x90")])


def test_tallies_that_no_worker_wrote_are_dead_letters() -> None:
    """Numbers that are none, too few, or too large to be sums."""
    step = DecisionsStep(Settings(), MemoryStore(), ExperimentPlan)  # type: ignore[arg-type]
    huge = Moments()
    huge.first[0] = 10**60
    few = Moments(second=[])
    bad = [
        pack_tally("x", -1, TALLY),
        pack_tally("x", 0, Tally(T0, 2**62, 0, {})),
        *(pack_tally("x", 0, Tally(T0, T0, 0, {"new": arm})) for arm in (huge, few)),
        b"\x01\xff",
    ]
    records = [record(value, b"x\n%d" % n) for n, value in enumerate([*bad, pack_tally("x", 0, TALLY)])]
    outcome = step(records)
    assert [letter.reason for letter in outcome.dead_letters] == [Reason.MALFORMED] * len(bad)
    assert [key for key, _ in outcome.rows] == [b"x\n5"]
