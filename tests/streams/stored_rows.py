"""Stored bytes of every version of every kind of row, and what they must read as.

`python -m tests.streams.stored_rows` writes one file in tests/streams/rows for the current version of each
kind; files that are there stay as they are: they are what an installation of that version left on its disks.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.experiments.moments import Moments
from online_models.experiments.parts import Exposure, Part, Tally
from online_models.insights.demand import Demand
from online_models.insights.stock import Stock
from online_models.insights.titles import TitleTally
from online_models.insights.visits import Guest, Searched, Visit
from online_models.title_arrays import TagRows
from online_models.titles import TitleTable
from online_models.viewers import ViewerTable
from schemas import Impression, MyList, Play, Preferences, Rate, Tags, Thumb, Title, topics
from schemas.interaction import ListAction
from streams import partition_rows
from streams.engine.stage import Outcome
from streams.experiments import result_rows
from streams.insights import rows as insight_rows
from streams.insights import visit_rows
from streams.partition_rows import OWED, ROLE
from streams.settings import Settings
from streams.titles import rows as title_rows
from streams.titles import signals
from streams.viewers import rows as viewer_rows
from tests.streams.steps import T0, Line, MemoryStore, watch

FOLDER = Path(__file__).with_name("rows")
CONFIG = ModelConfig(
    factorization=FactorizationConfig(factors=4, horizons=(0.8, 0.97), history=50),
    cowatch=CoWatchConfig(neighbours=16),
)
"""Of all stored rows: small vectors, so that the files are."""
TITLES = ["t0", "t1", "t2", "é"]
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


def read_viewers(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read viewers' rows with this version of the code."""
    titles = TitleTable(CONFIG)
    titles.intern(TITLES)
    table = ViewerTable(CONFIG, titles)
    store = MemoryStore({key.encode(): value for key, value in rows.items()})
    slots = table.acquire(list(rows), viewer_rows.loader(store, CONFIG))
    a = table.arrays
    return {
        viewer: {
            "known": [[title, bool(liked)] for title, liked in table.known(viewer)],
            "positives": int(a.positives[slot]),
            "seq": int(a.seq[slot]),
            "last_at": int(a.last_at[slot]),
            "fresh": int(a.fresh[slot]),
            "limit": int(a.limit[slot]),
            "country": int(a.country[slot]),
            "events": int(a.ring_n[slot]),
            "stated": [int(tag) for tag in a.stated[slot]],
            "acc": float(a.acc[slot]),
            "taste": a.taste[slot].tolist(),
            "rejected": {
                titles.ids[row]: [int(at), float(weight)]
                for row, at, weight in zip(
                    a.rejected[slot], a.rejected_at[slot], a.rejected_weight[slot], strict=True
                )
                if row >= 0
            },
            "judged": {
                titles.ids[row]: [int(e["at"]), float(e["now"]), float(e["played"]), float(e["said"])]
                for row, e in zip(a.judged[slot], a.judgement[slot], strict=True)
                if row >= 0
            },
            "shown": a.shown_n[slot].tolist(),
            "shown_on": a.shown_on[slot].tolist(),
            "shown_odds": a.shown_odds[slot].tolist(),
            "chosen": [int(n) for n in a.chosen[slot]],
            "language": int(a.language[slot]),
            "wished": [titles.ids[row] for row in a.wished[slot] if row >= 0],
            "loved": {
                titles.ids[row]: [int(at), float(weight)]
                for row, at, weight in zip(a.loved[slot], a.loved_at[slot], a.loved_weight[slot], strict=True)
                if row >= 0
            },
        }
        for viewer, slot in zip(rows, slots.tolist(), strict=True)
    }


def read_titles(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read titles' rows with this version of the code."""
    table = TitleTable(CONFIG)
    at = table.load(list(rows), title_rows.unpack(list(rows.values()), CONFIG))
    a = table.arrays
    return {
        title: {
            "counts": a.counts[row].tolist(),
            "watches": float(a.watches[row]),
            "trend": a.trend[row].tolist(),
            "trend_at": int(a.trend_at[row]),
            "bias": float(a.bias[row]),
            "out": a.out[row].tolist(),
            "neighbours": {
                table.ids[n]: float(w) for n, w in zip(a.nbr[row], a.nbr_w[row], strict=True) if n >= 0
            },
        }
        for title, row in zip(rows, at.tolist(), strict=True)
    }


def read_signals(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read a signals record with this version of the code."""
    table = TitleTable(CONFIG)
    batch = signals.unpack(rows["record"], table)
    told = batch.signals
    history = [told.history[n, :depth] for n, depth in enumerate(told.depth.tolist())]
    return {
        "partition": batch.partition,
        "sent": batch.sent,
        "titles": [table.ids[row] for row in told.title.tolist()],
        "actions": told.action.tolist(),
        "weights": told.weight.tolist(),
        "changes": told.change.tolist(),
        "at": told.at.tolist(),
        "fresh": told.fresh.tolist(),
        "history": [
            [table.ids[row] if row >= 0 else f"~{table.ids[~row]}" for row in one] for one in history
        ],
        "x": np.abs(told.x).sum(axis=1).round(3).tolist(),
    }


def _read_one(row: partition_rows.PartitionRow[Any]) -> Callable[[dict[str, bytes]], dict[str, Any]]:
    """Return a reader of one of a partition's own rows."""

    def read(rows: dict[str, bytes]) -> dict[str, Any]:
        value = row.unpack(rows[row.name])
        if isinstance(value, TagRows):
            return {row.name: [value.names, value.vectors.tolist()]}
        return {row.name: np.asarray(value).tolist()}

    return read


def read_parts(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read viewers' parts in experiments with this version of the code."""
    return {viewer: asdict(result_rows.unpack_part(value)) for viewer, value in rows.items()}


def read_tallies(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read tallies with this version of the code."""
    return {
        name: asdict(result_rows.tally_of(result_rows.unpack_tally(value))) for name, value in rows.items()
    }


def read_guests(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read viewers' parts in insights with this version of the code."""
    return {
        viewer: asdict(guest) | {"places": [[key, place] for key, place in guest.places.items()]}
        for viewer, guest in ((name, visit_rows.unpack_guest(value)) for name, value in rows.items())
    }


def read_visits(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read a record of visits with this version of the code."""
    visits, searches = visit_rows.unpack_visits(rows["record"])
    return {"visits": [list(one) for one in visits], "searches": [list(one) for one in searches]}


def read_insights(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read titles' tallies with this version of the code."""
    found = {name: insight_rows.unpack_tally(value) for name, value in rows.items()}
    return {
        name: {
            "starts": tally.starts,
            "seconds": tally.seconds,
            "places": {str(place): viewers for place, viewers in enumerate(tally.places) if viewers},
            "counts": tally.counts,
            "crowds": {act: len(crowd) for act, crowd in tally.crowds.items()},
            "viewers": len(tally.crowd),
            "countries": {
                name: [one.count, one.error, one.part.viewers, len(one.part.crowd)]
                for name, one in tally.countries.counters.items()
            },
        }
        for name, tally in found.items()
    }


def read_demand(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read counters of demand with this version of the code."""
    store = MemoryStore({bytes.fromhex(key): value for key, value in rows.items()})
    demand, stored = insight_rows.load_demand(store)
    counters = {**demand.facets.counters, **demand.queries.counters, **demand.served.counters}
    return {
        "clock": [demand.origin_ms, demand.at_ms],
        "rows": len(stored),
        "counters": {key: [one.count, one.error] for key, one in counters.items()},
        "totals": {country: total.slow for country, total in demand.totals.items()},
    }


READERS: dict[str, Callable[[dict[str, bytes]], dict[str, Any]]] = {
    "viewer": read_viewers, "title": read_titles, "signals": read_signals,
    "part": read_parts, "tally": read_tallies,
    "guest": read_guests, "visits": read_visits, "insight": read_insights, "demand": read_demand,
    **{row.name: _read_one(row) for row in partition_rows.ALL},
}  # fmt: skip


def _broken(digits: str) -> list[str]:
    return [digits[at : at + 100] for at in range(0, len(digits), 100)]


def _line() -> tuple[Line, Outcome]:
    """Let three viewers watch and judge four titles."""
    line = Line(Settings(prequential_share=0.0, model=CONFIG))
    events = [
        watch("ada", "t0", 1, country="AT"), watch("ada", "t1", 2), watch("bob", "t0", 3),
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
        MyList(event_id="m", viewer_id="ada", event_time_ms=T0 + 12, title_id="t2", action=ListAction.ADD),
    ]  # fmt: skip
    outcome = line.feed(*events)
    line.feed(watch("ada", "é", 20))
    return line, outcome


def _counted() -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Make a viewer's part in an experiment, and the experiment's tally."""
    counts = [3, 1, 1, 3_600, 1, 1, 0, 250, 6, 4_200, 1, -500_000]
    exposures = {"x": Exposure("new", T0 + 1, counts, [100, 300])}
    about: dict[str, Any] = {
        "list_id": "l",
        "shown": ["t0", "é"],
        "teams": {"t0": "x/new"},
        "signed_in_ms": T0 + 9,
    }
    part = Part(T0, 1_000.5, T0 + 5, "AT", 12, "l t", [7, 2**63], exposures, **about)
    tally = Tally(T0 + 1, T0 + 9, 1, {"new": Moments()})
    tally.arms["new"].add([2**40, *counts[1:]])
    return {"é": result_rows.pack_part(part)}, {"x": result_rows.pack_tally("x", 3, tally)}


def _insights() -> dict[str, dict[str, bytes]]:
    """Make what the visits and insights stages keep, and the record between them."""
    guest = Guest("AT", {"Crime": 60.5}, T0, {7: 12, 2**63: 240}, "noir", T0 + 5, "é", [3, 2**63])
    visits = [Visit("é", n, "AT", "Crime", T0 + n, 1, 600, -1, 10, 0, ups=n % 2, sought=1) for n in range(25)]
    searches = [Searched("noir", n, T0, 1, n % 2, 1) for n in range(3)]
    tally, stock, demand = TitleTally(), Stock(), Demand()
    stock.put(Title(title_id="é", tags=Tags(genre=("Crime",), mood=("dark",))))
    for visit in visits:
        tally.add(visit)
    demand.add(visits, searches, stock)
    rows = {key.hex(): value or b"" for key, value in insight_rows.demand_rows(demand, set())}
    return {
        "guest": {"é": visit_rows.pack_guest(guest)},
        "visits": {"record": visit_rows.pack_visits(visits[:2], searches)},
        "insight": {"é": insight_rows.pack_tally(tally)},
        "demand": rows,
    }


def write() -> None:
    """Write what is missing."""
    for kind, rows in _insights().items():
        Stored(kind, next(iter(rows.values()))[0], rows, READERS[kind](rows)).save()
    parts, tallies = _counted()
    Stored("part", parts["é"][0], parts, read_parts(parts)).save()
    Stored("tally", tallies["x"][0], tallies, read_tallies(tallies)).save()
    line, outcome = _line()
    viewers = {viewer: line.store.rows[viewer.encode()] for viewer in VIEWERS}
    titles = {title: line.title_stores[0].rows[title.encode()] for title in TITLES}
    record = {"record": outcome.outputs[topics.SIGNALS, 0][0]["value"] or b""}
    Stored("viewer", viewers["ada"][0], viewers, read_viewers(viewers)).save()
    Stored("title", titles["t0"][0], titles, read_titles(titles)).save()
    Stored("signals", record["record"][0], record, read_signals(record)).save()
    tags = partition_rows.TAGS.row(TagRows(["mood:é", "pace:slow"], np.array([[0.5, 1.0], [2.0, -0.5]])))
    kept = (
        line.store.rows
        | line.title_stores[0].rows
        | dict([ROLE.row((2, 41, True, "é")), partition_rows.BLEND.row(np.array([0.6, 0.5, -0.1])), tags])
        | dict([partition_rows.ROW_WORTH.row(np.array([7.0, 2.0, 0.5, 0.0]))])
        | dict([OWED.row((41, T0)), partition_rows.ALERTED.row(np.array([2**63, T0], np.uint64))])
    )
    for row in partition_rows.ALL:
        own = {row.name: kept[row.key]}
        Stored(row.name, row.versions.version, own, READERS[row.name](own)).save()


if __name__ == "__main__":
    write()
