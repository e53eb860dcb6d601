"""What stored rows of every kind say, read with this version of the code."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from online_models.config import CoWatchConfig, FactorizationConfig, ModelConfig
from online_models.tables.tag_numbers import TagRows
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable
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
from tests.streams.steps import MemoryStore

CONFIG = ModelConfig(
    factorization=FactorizationConfig(factors=4, horizons=(0.8, 0.97), history=50),
    cowatch=CoWatchConfig(neighbours=16),
)
"""Of all stored rows: small vectors, so that the files are."""
TITLES = ["t0", "t1", "t2", "é"]


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
            "fresh": int(a.session_items[slot]),
            "streak": int(a.streak_items[slot]),
            "limit": int(a.limit[slot]),
            "country": int(a.country[slot]),
            "device": int(a.device[slot]),
            "events": int(a.ring_n[slot]),
            "stated": [int(tag) for tag in a.stated_tags[slot]],
            "acc": float(a.acc[slot]),
            "taste": a.taste[slot].tolist(),
            "intent": [int(key) for key in a.intent[slot]],
            "intent_at": [int(at) for at in a.intent_at[slot]],
            "intent_weight": a.intent_weight[slot].tolist(),
            "rejected": {
                titles.ids[row]: [int(at), float(weight)]
                for row, at, weight in zip(
                    a.rejected[slot], a.rejected_at[slot], a.rejected_weight[slot], strict=True
                )
                if row >= 0
            },
            "judged": {
                titles.ids[row]: [
                    int(e["at"]),
                    float(e["watched_now"]),
                    float(e["implicit"]),
                    float(e["explicit"]),
                ]
                for row, e in zip(a.interaction_title[slot], a.interaction[slot], strict=True)
                if row >= 0
            },
            "shown": a.shown_n[slot].tolist(),
            "shown_on": a.shown_on[slot].tolist(),
            "shown_odds": a.shown_odds[slot].tolist(),
            "chosen": [int(n) for n in a.chosen[slot]],
            "language": int(a.language[slot]),
            "wished": [titles.ids[row] for row in a.my_list[slot] if row >= 0],
            "loved": {
                titles.ids[row]: [int(at), float(weight)]
                for row, at, weight in zip(
                    a.finished[slot], a.finished_at[slot], a.finished_weight[slot], strict=True
                )
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
            "neighbours": {table.ids[n]: float(w) for n, w in zip(*table.neighbours(row), strict=True)},
        }
        for title, row in zip(rows, at.tolist(), strict=True)
    }


def read_signals(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read a signals record with this version of the code."""
    table = TitleTable(CONFIG)
    batch = signals.unpack(rows["record"], table)
    found = batch.signals
    history = [found.history[n, :depth] for n, depth in enumerate(found.depth.tolist())]
    return {
        "partition": batch.partition,
        "sent": batch.sent,
        "titles": [table.ids[row] for row in found.title.tolist()],
        "actions": found.action.tolist(),
        "weights": found.weight.tolist(),
        "changes": found.change.tolist(),
        "at": found.at.tolist(),
        "fresh": found.session_items.tolist(),
        "countries": batch.countries.tolist(),
        "devices": batch.devices.tolist(),
        "history": [
            [table.ids[row] if row >= 0 else f"~{table.ids[~row]}" for row in one] for one in history
        ],
        "x": np.abs(found.x).sum(axis=1).round(3).tolist(),
    }


def read_one(row: partition_rows.PartitionRow[Any]) -> Callable[[dict[str, bytes]], dict[str, Any]]:
    """Return a reader of one of a partition's own rows."""

    def read(rows: dict[str, bytes]) -> dict[str, Any]:
        value = row.unpack(rows[row.name])
        if isinstance(value, TagRows):
            return {row.name: [value.names, value.vectors.tolist()]}
        if isinstance(value, partition_rows.DepartureRow):
            return {row.name: [value.done.tolist(), [list(one) for one in value.forgotten]]}
        nested = row.name in {"guests", "guest-viewers", "guest-titles"}
        return {row.name: _plain(value) if nested else np.asarray(value).tolist()}

    return read


def _plain(value: Any) -> Any:
    """Return lists of arrays in JSON's types."""
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else np.asarray(value).tolist()


def read_viewer_tallies(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read viewers' counts in experiments with this version of the code."""
    return {viewer: asdict(result_rows.VIEWERS.unpack(value)) for viewer, value in rows.items()}


def read_tallies(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read tallies with this version of the code."""
    return {
        name: asdict(result_rows.tally_of(result_rows.TALLIES.unpack(value))) for name, value in rows.items()
    }


def read_looks(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read looks at experiments with this version of the code."""
    found = {name: result_rows.LOOKS.unpack(value) for name, value in rows.items()}
    return {name: [one.sample_ratio_p, one.decided] for name, one in found.items()}


def read_viewer_visits(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read viewers' rows of the visits stage with this version of the code."""
    return {
        viewer: asdict(row) | {"places": [[key, place] for key, place in row.places.items()]}
        for viewer, row in ((name, insight_rows.VIEWERS.unpack(value)) for name, value in rows.items())
    }


def read_visits(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read a record of visits with this version of the code."""
    visits, searches = insight_rows.VISITS.unpack(rows["record"])
    return {"visits": [list(one) for one in visits], "searches": [list(one) for one in searches]}


def read_segments(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read segments' rows with this version of the code."""
    found = {name: segment_rows.CODEC.unpack(value) for name, value in rows.items()}
    return {
        name: [one.keys.tolist(), one.counts.tolist(), one.since_ms, one.newest_ms]
        for name, one in found.items()
    }


def read_cohorts(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read the cohorts' row with this version of the code."""
    row = cohort_rows.CODEC.unpack(rows["cohorts"])
    return {name: getattr(row, name).tolist() for name in row.__struct_fields__}


def read_artwork(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read artwork rows with this version of the code."""
    found = {title: attribution.ARTWORK_CODEC.unpack(value) for title, value in rows.items()}
    return {
        title: [row.at_ms, {name: cells.tolist() for name, cells in row.cells.items()}]
        for title, row in found.items()
    }


def read_queries(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read queries' rows with this version of the code."""
    return {query: list(attribution.QUERY_CODEC.unpack(value)) for query, value in rows.items()}


def read_impressions(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read impression logs with this version of the code."""
    found = {viewer: impression_rows.CODEC.unpack(value) for viewer, value in rows.items()}
    return {
        viewer: [
            {title: list(entry) for title, entry in part.items()}
            for part in (row.artwork, row.searches, row.shelves)
        ]
        for viewer, row in found.items()
    }


def read_insights(rows: dict[str, bytes]) -> dict[str, Any]:
    """Read titles' tallies with this version of the code."""
    found = {name: insight_rows.unpack_tally(value) for name, value in rows.items()}
    return {
        name: {
            "starts": tally.starts,
            "seconds": tally.seconds,
            "places": {str(place): viewers for place, viewers in enumerate(tally.places) if viewers},
            "counts": tally.counts,
            "crowds": {act: len(distinct) for act, distinct in tally.distinct_by_action.items()},
            "viewers": len(tally.distinct),
            "countries": {
                name: [one.count, one.error, one.part.viewers, len(one.part.distinct)]
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
    "impressions": read_impressions, "segment": read_segments, "cohorts": read_cohorts,
    "artwork": read_artwork, "query": read_queries,
    "viewer-tally": read_viewer_tallies, "tally": read_tallies, "looks": read_looks,
    "viewer-visits": read_viewer_visits, "visits": read_visits, "title-tally": read_insights,
    "demand": read_demand,
    **{row.name: read_one(row) for row in partition_rows.ALL},
}  # fmt: skip
