"""Rows that former versions left on disks and in topics, and what a version to come does with today's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from online_models.config import ModelConfig
from online_models.tables import rows, titles, viewers
from online_models.tables.row_versions import Fields, RowVersions
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable
from streams.errors import StateError, StateVersionError
from streams.stages.experiments import rows as result_rows
from streams.stages.insights import rows as insight_rows
from streams.stages.wire import (
    attribution,
    cohort_rows,
    impression_rows,
    partition_rows,
    segment_rows,
    signals,
    title_rows,
    viewer_rows,
)
from streams.stages.wire.partition_rows import FORMAT
from tests.streams.steps import Line, MemoryStore, message, record, watch
from tests.streams.stored_readers import CONFIG, READERS
from tests.streams.stored_rows import FOLDER, Stored

FILES = sorted(FOLDER.glob("*.json"))
VERSIONS = {
    "viewer": rows.VIEWER_ROWS, "title": rows.TITLE_ROWS, "signals": signals.VERSIONS,
    "impressions": impression_rows.CODEC.versions, "segment": segment_rows.CODEC.versions,
    "cohorts": cohort_rows.CODEC.versions, "artwork": attribution.ARTWORK_CODEC.versions,
    "query": attribution.QUERY_CODEC.versions,
    "viewer-tally": result_rows.VIEWERS.versions, "tally": result_rows.TALLIES.versions,
    "looks": result_rows.LOOKS.versions,
    "viewer-visits": insight_rows.VIEWERS.versions, "visits": insight_rows.VISITS.versions,
    "title-tally": insight_rows.TALLIES.versions, "demand": insight_rows.FACETS.versions,
    **{row.name: row.codec.versions for row in partition_rows.ALL},
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_stored_rows_read_as_what_they_said(path: Path) -> None:
    """Every version that was released is read, with everything that the rows contain."""
    stored = Stored.load(path)
    found = READERS[stored.kind](stored.rows)
    assert _within(found, stored.facts)


def test_every_version_is_stored() -> None:
    """Who adds a version stores its bytes: `python -m tests.streams.stored_rows`."""
    wanted = {f"{kind}-{n}" for kind, one in VERSIONS.items() for n in range(1, one.version + 1)}
    assert {path.stem for path in FILES} == wanted


class Next:
    """Both kinds of rows one version on: a number more each."""

    @staticmethod
    def of(kind: RowVersions) -> RowVersions:
        """Return a kind with a toy version after its newest."""
        newest = kind._versions[-1].fields
        assert newest is not None

        def fields(config: ModelConfig) -> Fields:
            return [*newest(config), ("toy", "<f4")]

        return kind.then(fields, fill={"toy": 0.5})


def tomorrow(context: pytest.MonkeyPatch) -> None:
    """Turn this program into the next version."""
    for name, modules in (("VIEWER_ROWS", (viewers, viewer_rows)), ("TITLE_ROWS", (titles, rows))):
        for module in modules:
            context.setattr(module, name, Next.of(getattr(rows, name)))


def _watched() -> Line:
    line = Line()
    line.feed(watch("ada", "t1"), watch("ada", "t2", 1), watch("bob", "t1", 2))
    return line


def test_the_next_version_reads_todays_rows_and_writes_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Adding a field is a new version with a default; nothing that was learned is lost."""
    line = _watched()
    config = line.settings.model
    tomorrow(monkeypatch)
    table = TitleTable(config)
    table.load(["t1"], title_rows.unpack([line.title_stores[0].rows[b"t1"]], config))
    assert table.arrays.counts[0].tolist() == [2, 0, 0]
    table = ViewerTable(config, line.replica.titles)
    slots = table.acquire(["ada", "bob"], viewer_rows.loader(line.store, config))
    assert table.known("ada") == [("t1", True), ("t2", True)]
    heads, _, _ = table.pack(slots)
    assert heads["version"].tolist() == [rows.VIEWER_ROWS.version + 1] * 2
    assert "toy" in (heads.dtype.names or ())


def test_an_old_worker_refuses_newer_viewers(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a rolling deployment it stops at the newer row, with a word on what to do, and changes nothing."""
    line = _watched()
    config = line.settings.model
    with monkeypatch.context() as context:
        tomorrow(context)
        table = ViewerTable(config, line.replica.titles)
        slots = table.acquire(["ada"], viewer_rows.loader(line.store, config))
        newer = dict(viewer_rows.pack(table, slots))
    line.store.rows.update({key: value or b"" for key, value in newer.items()})
    line.restart()
    with pytest.raises(StateVersionError, match="this program knows 1 to") as caught:
        line.step(line.records([watch("bob", "t2", 9), watch("ada", "t3", 10)]))
    assert "start the version" in caught.value.next_step
    assert "ada" not in str(caught.value)
    assert line.store.rows[b"ada"] == newer[b"ada"]


def test_an_old_worker_refuses_a_newer_partition_when_it_opens_it() -> None:
    """Rolled back, it does not begin: the partition says which version its rows are of."""
    line = _watched()
    assert FORMAT.read(line.store) == rows.VIEWER_ROWS.version
    line.store.rows.update([FORMAT.row(rows.VIEWER_ROWS.version + 1)])  # type: ignore[list-item]
    with pytest.raises(StateVersionError):
        line.restart()


def test_an_old_workers_replica_refuses_newer_titles() -> None:
    """It passes a row over that it cannot read, and ends its worker when the shard says its new format."""
    line = _watched()
    before = line.replica.titles.arrays.counts.copy()
    newer = bytes([rows.TITLE_ROWS.version + 1]) + line.title_stores[0].rows[b"t1"][1:] + b"more"
    line.replica.take_rows([message(b"t1", newer)])
    with pytest.raises(StateVersionError, match="a title's row has version"):
        line.replica.take_rows([message(*FORMAT.row(rows.TITLE_ROWS.version + 1))])
    assert np.array_equal(line.replica.titles.arrays.counts, before)


def test_an_old_titles_stage_refuses_newer_signals() -> None:
    """Signals wait in their topic for a worker of the new version."""
    line = _watched()
    version = (signals.VERSIONS.version + 1).to_bytes(2, "little")
    with pytest.raises(StateVersionError, match="a signals record has version"):
        line.titles[0]([record(version + bytes(100))])


def test_a_format_is_written_once() -> None:
    """The first rows of a partition bring it, later ones do not repeat it."""
    line = Line()
    first = line.step(line.records([watch("ada", "t1")]))
    second = line.step(line.records([watch("ada", "t2", 1)]))
    keys = [[key for key, _ in outcome.rows] for outcome in (first, second)]
    assert [FORMAT.key in each for each in keys] == [True, False]


def test_rows_of_another_configuration_are_refused() -> None:
    """Other vectors: nothing is read as something else."""
    stored = Stored.load(FOLDER / "viewer-1.json")
    store = MemoryStore({key.encode(): value for key, value in stored.rows.items()})
    assert viewer_rows.loader(store, CONFIG)(["ada"])[0] is not None
    with pytest.raises(StateError, match="another model configuration"):
        viewer_rows.loader(store, ModelConfig())(["ada"])


def _within(found: Any, facts: Any) -> bool:
    """Say whether facts are found; a newer version may tell more, and have longer lists with zeros behind."""
    if isinstance(facts, dict):
        return all(key in found and _within(found[key], value) for key, value in facts.items())
    if isinstance(facts, list):
        return bool(found[: len(facts)] == facts and not any(found[len(facts) :]))
    return bool(found == facts)
