"""Stored bytes of every version of every kind of row, and what they must read as.

`python -m tests.streams.stored_rows` writes one file in tests/streams/rows for the current version of each
kind; existing files are not changed: they are the rows that an installation of that version has on its disks.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from online_models.artwork.gallery import Gallery
from online_models.experiments.exposure import Exposure, Tally, ViewerTally
from online_models.experiments.moments import Moments
from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.insights.demand import Demand
from online_models.insights.titles import TitleTally
from online_models.insights.visits import Searched, ViewerVisits, Visit
from online_models.learners.attribution import ImpressionLog
from online_models.learners.search import SearchedQuery
from online_models.learners.segments import Segment
from online_models.tables.tag_numbers import TagRows
from schemas import Impression, MyList, Play, Preferences, Rate, Search, Tags, Thumb, Title, topics
from schemas.events import ListAction
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.stages.experiments import rows as result_rows
from streams.stages.insights import rows as insight_rows
from streams.stages.wire import attribution, cohort_rows, impression_rows, partition_rows, segment_rows
from streams.stages.wire.partition_rows import DEPARTURES, PENDING_PAGE, ROLE, DepartureRow, GuestState
from tests.streams.steps import T0, Line, watch
from tests.streams.stored_readers import CONFIG, READERS, TITLES

FOLDER = Path(__file__).with_name("rows")
VIEWERS = ["ada", "bob", "é"]
SEEN: dict[str, Any] = {"list_id": "l", "row": 0, "slot": 0}
HALF = {"propensity": 0.5}


@dataclass(frozen=True, slots=True)
class Stored:
    """One file: rows of one kind and version, as hexadecimal digits by key."""

    kind: str
    version: int
    rows: dict[str, bytes]
    facts: Any

    @classmethod
    def load(cls, path: Path) -> "Stored":
        """Read a file."""
        said = json.loads(path.read_text(encoding="utf-8"))
        rows = {key: bytes.fromhex("".join(value)) for key, value in said["rows"].items()}
        return cls(said["kind"], said["version"], rows, said["facts"])

    def save(self) -> None:
        """Write the file, unless it is there."""
        path = FOLDER / f"{self.kind}-{self.version}.json"
        if path.exists():
            return
        lines = {key: _broken(value.hex()) for key, value in self.rows.items()}
        said = {"kind": self.kind, "version": self.version, "facts": self.facts, "rows": lines}
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _broken(digits: str) -> list[str]:
    return [digits[at : at + 100] for at in range(0, len(digits), 100)]


def _line() -> tuple[Line, Outcome]:
    """Let three viewers watch and judge four titles."""
    line = Line(Settings(prequential_share=0.0, model=CONFIG))
    events = [
        watch("ada", "t0", 1, country="AT"), watch("ada", "t1", 2, device="tv"), watch("bob", "t0", 3),
        Rate(event_id="no", viewer_id="bob", event_time_ms=T0 + 4, title_id="t2", thumb=Thumb.DOWN),
        Rate(event_id="so", viewer_id="é", event_time_ms=T0 + 4, title_id="t2", stars=3.0),
        watch("é", "é", 5), watch("é", "t1", 6), *(watch("é", "t0", 7 + n) for n in range(3)),
        Preferences(
            event_id="p", viewer_id="é", event_time_ms=T0 + 9, maturity=12, genres=("Drama", "é"),
            languages=("hi",),
        ),
        Play(event_id="s", viewer_id="bob", event_time_ms=T0 + 10, title_id="é", session_id="b"),
        Impression(event_id="i", viewer_id="bob", event_time_ms=T0 + 11, title_id="t1", **SEEN | HALF),
        Impression(event_id="j", viewer_id="bob", event_time_ms=T0 + 11, title_id="t2", **SEEN),
        Play(event_id="c", viewer_id="bob", event_time_ms=T0 + 13, title_id="t1", session_id="b"),
        Search(
            event_id="q", viewer_id="bob", event_time_ms=T0 + 14, query="Crime", result_count=1,
            clicked_title_id="t1",
        ),
        MyList(event_id="m", viewer_id="ada", event_time_ms=T0 + 12, title_id="t2", action=ListAction.ADD),
    ]  # fmt: skip
    outcome = line.feed(*events)
    line.feed(watch("ada", "é", 20))
    return line, outcome


def _experiments() -> dict[str, dict[str, bytes]]:
    """Make a viewer's counts in an experiment, the experiment's tally and the looks at it."""
    counts = [3, 1, 1, 3_600, 1, 1, 0, 250, 6, 4_200, 1, -500_000]
    exposures = {"x": Exposure("new", T0 + 1, counts, [100, 300])}
    about: dict[str, Any] = {
        "list_id": "l",
        "shown": ["t0", "é"],
        "teams": {"t0": "x/new"},
        "signed_in_ms": T0 + 9,
    }
    part = ViewerTally(T0, 1_000.5, T0 + 5, "AT", 12, "l t", [7, 2**63], exposures, **about)
    tally = Tally(T0 + 1, T0 + 9, 1, {"new": Moments()})
    tally.arms["new"].add([2**40, *counts[1:]])
    return {
        "viewer-tally": {"é": result_rows.VIEWERS.pack(part)},
        "tally": {"x": result_rows.pack_tally("x", 3, tally)},
        "looks": {"x": result_rows.LOOKS.pack(result_rows.InterimLooks(0.25, decided=True))},
    }


def _insights() -> dict[str, dict[str, bytes]]:
    """Make what the visits and insights stages keep, and the record between them."""
    viewer = ViewerVisits("AT", {"Crime": 60.5}, T0, {7: 12, 2**63: 240}, "noir", T0 + 5, "é", [3, 2**63])
    visits = [Visit("é", n, "AT", "Crime", T0 + n, 1, 600, -1, 10, 0, ups=n % 2, sought=1) for n in range(25)]
    searches = [Searched("noir", n, T0, 1, n % 2, 1) for n in range(3)]
    tally, stock, demand = TitleTally(), CatalogSnapshot(), Demand()
    stock.put(Title(title_id="é", tags=Tags(genre=("Crime",), mood=("dark",))))
    for visit in visits:
        tally.add(visit)
    demand.add(visits, searches, stock)
    rows = {key.hex(): value or b"" for key, value in insight_rows.demand_rows(demand, set())}
    return {
        "viewer-visits": {"é": insight_rows.VIEWERS.pack(viewer)},
        "visits": {"record": insight_rows.VISITS.pack((visits[:2], searches))},
        "title-tally": {"é": insight_rows.pack_tally(tally)},
        "demand": rows,
    }


def _learned() -> dict[str, dict[str, bytes]]:
    """Make the rows next to the viewers' and titles' rows."""
    log = ImpressionLog({"t0": ("é.jpg", 1, T0)}, {"t1": ("noir", T0 + 1)}, {"é": ("my_list", T0 + 2)})
    gallery, counts = Gallery(), np.array([0.5, 2.0])
    gallery.bandit("é").learn(1, "é.jpg", trials=2, wins=1, at_ms=T0)
    cohorts = cohort_rows.CohortRow(
        np.array([T0, T0 + 1]), np.array([3]), counts, np.array([[0.5], [-1]], np.float32),
        np.array([[7, 0], [2**63, 8]], np.uint64), np.array([[1.5, 0.0], [0.25, 3.0]]),
    )  # fmt: skip
    return {
        "impressions": {"é": impression_rows.pack(log)},
        "segment": {
            "country:AT": segment_rows.CODEC.pack(
                Segment(np.array([7, 2**63], np.uint64), counts, T0, T0 + 1)
            )
        },
        "cohorts": {"cohorts": cohort_rows.CODEC.pack(cohorts)},
        "artwork": {"é": attribution.artwork_row(gallery, "é")[1] or b""},
        "query": {"noir": attribution.query_row("noir", SearchedQuery({"é": 2.5}, T0, T0 + 1))[1] or b""},
    }


def write() -> None:
    """Write what is missing."""
    line, outcome = _line()
    found = {
        **_insights(),
        **_experiments(),
        **_learned(),
        "viewer": {viewer: line.store.rows[viewer.encode()] for viewer in VIEWERS},
        "title": {title: line.title_stores[0].rows[title.encode()] for title in TITLES},
        "signals": {"record": outcome.outputs[topics.SIGNALS, 0][0]["value"] or b""},
    }
    tags = partition_rows.TAGS.row(TagRows(["mood:é", "pace:slow"], np.array([[0.5, 1.0], [2.0, -0.5]])))
    arrays = [np.array([3.0, -0.5]), np.zeros(0)]
    guests = GuestState(1, ["river.reco.Baseline", "é"], [False, True], 41, np.array([0.1]), arrays)
    kept = (
        line.store.rows
        | dict([partition_rows.GUESTS.row(guests), partition_rows.GUEST_VIEWERS.row(arrays)])
        | dict([partition_rows.GUEST_TITLES.row((7, arrays))])
        | line.title_stores[0].rows
        | dict([ROLE.row((2, 41, True, "é")), partition_rows.BLEND.row(np.array([0.6, 0.5, -0.1])), tags])
        | dict([partition_rows.SHELF_VALUE.row(np.array([7.0, 2.0, 0.5, 0.0]))])
        | dict([partition_rows.TABLE_LETTERS.row(41)])
        | dict([PENDING_PAGE.row((41, T0, T0 + 9))])
        | dict([partition_rows.ALERTED.row(np.array([2**63, T0], np.uint64))])
        | dict([DEPARTURES.row(DepartureRow(np.array([7, 2**63], np.uint64), [(7, T0), (8, T0 + 1)]))])
    )
    found |= {row.name: {row.name: kept[row.key]} for row in partition_rows.ALL}
    for kind, rows in found.items():
        Stored(kind, next(iter(rows.values()))[0], rows, READERS[kind](rows)).save()


if __name__ == "__main__":
    write()
