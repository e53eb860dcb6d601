"""What stored rows and signals say, whatever the format in which they are stored.

Each function reads rows with the code as it is, and returns labelled values; `ledger.canonical` hashes these.
A label is for people: files are compared by the places of the labels in these lists, so a label may be
renamed, and what it stands for may be stored in another form, as long as the values are the same. Titles
appear as their keys or ids, never as numbers of a table. Versions of formats are left out.

Who changes how something is stored changes how it is read here, and nothing else of this package.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from online_models.artwork.gallery import Gallery
from online_models.config import ModelConfig
from online_models.learners.segments import Segments
from online_models.tables.layout import F4, U8
from online_models.tables.titles import TitleTable
from online_models.tables.viewers import ViewerTable
from schemas import topics
from schemas.codec import decode_dead_letter
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

__all__ = ["Contents", "Fields"]

Fields = list[tuple[str, object]]
"""Labelled values, in an order that does not change."""
Rows = Mapping[tuple[int, bytes], bytes | None]
"""Newest rows by partition and key; None: deleted."""

_VIEWERS_OWN = (
    partition_rows.SENT, partition_rows.ROLE, partition_rows.WATCH_TIME, partition_rows.BLEND,
    partition_rows.PENDING_PAGE, partition_rows.ALERTED, partition_rows.SHELF_VALUE,
    partition_rows.DEPARTURES,
)  # fmt: skip
_TITLES_OWN = (partition_rows.LEARNED, partition_rows.TAGS)
"""Rows of a partition's own, but for the number of the format."""
_CAPACITY = 1_000_000


class Contents:
    """Reads the rows of one installation.

    Parameters
    ----------
    config
        The model's.
    names
        Ids of all titles that can be met.
    """

    def __init__(self, config: ModelConfig, names: list[str]) -> None:
        self._config = replace(config, title_capacity=_CAPACITY)
        self._titles = TitleTable(self._config)
        self._titles.intern(names)
        self._readers = {
            topics.VIEWER_STATE: self._viewer_state,
            topics.TITLE_MODEL: self._title_model,
            topics.EXPERIMENT_VIEWERS: self._experiment_viewers,
            topics.EXPERIMENT_DECISIONS: self._experiment_decisions,
            topics.INSIGHTS_VIEWERS: self._insights_viewers,
            topics.INSIGHTS_STATE: self._insights_state,
        }

    def rows(self, topic: str, rows: Rows) -> Fields:
        """Read rows of a changelog, by its unprefixed name."""
        return self._readers[topic](dict(sorted(rows.items())))

    def record(self, topic: str, value: bytes) -> Fields:
        """Read a record of a topic that is not for others' eyes."""
        match topic:
            case topics.SIGNALS:
                return self._signals(value)
            case topics.INSIGHTS_VISITS:
                return [("visits and searches", insight_rows.VISITS.unpack(value))]
            case topics.EXPERIMENT_TALLIES:
                return [("tally", _tally(value))]
            case topics.DEAD_LETTERS:
                letter = decode_dead_letter(value)
                said = (letter.reason, letter.source, letter.field, letter.time_ms)
                return [("letter", (*said, letter.key, letter.value, letter.value_bytes))]
            case _:
                return []

    def _key(self, rows: NDArray[Any]) -> NDArray[np.uint64]:
        """Return the keys of titles by their rows, 0 for none."""
        return np.where(rows >= 0, self._titles.arrays.key[rows], np.uint64(0))

    def _viewer_state(self, rows: Rows) -> Fields:
        saw = {key: value for key, value in rows.items() if key[1][:1] == impression_rows.PREFIX}
        return [
            *self._viewers(_by_name(rows)),
            ("gone", _gone(rows)),
            ("what viewers saw", _read(saw, lambda value: _attributes(impression_rows.read(value)))),
            *_own(rows, _VIEWERS_OWN),
        ]

    def _viewers(self, rows: dict[str, bytes]) -> Fields:
        table = ViewerTable(self._config, self._titles)
        store = MemoryStore({name.encode(): value for name, value in rows.items()})
        slots = table.acquire(list(rows), viewer_rows.loader(store, self._config))
        a = table.arrays
        return [
            ("viewers", list(rows)),
            ("known titles", [table.known(name) for name in rows]),
            ("taste", a.taste[slots]),
            ("accumulator", a.acc[slots]),
            ("positives", a.positives[slots]),
            ("last event", a.last_at[slots]),
            ("titles of this session", a.session_items[slots]),
            ("titles of this streak", a.streak_items[slots]),
            ("number of the page", a.seq[slots]),
            ("maturity limit", a.limit[slots]),
            ("country", a.country[slots]),
            ("device", a.device[slots]),
            ("language", a.language[slots]),
            ("stated tags", a.stated_tags[slots]),
            ("events met", a.ring[slots]),
            ("number of events met", a.ring_n[slots]),
            ("rejected", self._key(a.rejected[slots])),
            ("rejected at", a.rejected_at[slots]),
            ("rejected how strongly", a.rejected_weight[slots]),
            ("judged", self._key(a.interaction_title[slots])),
            ("judgements", a.interaction[slots]),
            ("shown", a.shown[slots]),
            ("shown how often", a.shown_n[slots]),
            ("shown on", a.shown_on[slots]),
            ("shown with what odds", a.shown_odds[slots]),
            ("chosen", a.chosen[slots]),
            ("own list", self._key(a.my_list[slots])),
            ("loved", self._key(a.finished[slots])),
            ("loved at", a.finished_at[slots]),
            ("loved how much", a.finished_weight[slots]),
            ("stated at", a.stated_at[slots]),
            ("sought", a.intent[slots]),
            ("sought at", a.intent_at[slots]),
            ("sought how strongly", a.intent_weight[slots]),
        ]

    def _title_model(self, rows: Rows) -> Fields:
        art = {key: value for key, value in rows.items() if key[1][:1] == attribution.ARTWORK}
        asked = {key: value for key, value in rows.items() if key[1][:1] == attribution.QUERY}
        watched = {key: value for key, value in rows.items() if segment_rows.is_segment(key[1])}
        cohorts = {key: value for key, value in rows.items() if key[1] == cohort_rows.KEY}
        return [
            *self._title_rows(_by_name(rows)),
            ("gone", _gone(rows)),
            ("pictures", [(key[1][1:], _pictures(key[1], value)) for key, value in art.items() if value]),
            ("queries", _read(asked, attribution.watched_after)),
            ("audiences", [_audience(key[1], value) for key, value in watched.items() if value]),
            ("cohorts", [self._cohorts(value) for value in cohorts.values() if value]),
            *_own(rows, _TITLES_OWN),
        ]

    def _title_rows(self, rows: dict[str, bytes]) -> Fields:
        table = TitleTable(self._config)
        at = table.load(list(rows), title_rows.unpack(list(rows.values()), self._config))
        a = table.arrays
        near = [_neighbours(table, row) for row in at.tolist()]
        return [
            ("titles", list(rows)),
            ("output vectors", a.out[at]),
            ("input vectors", a.inp[at]),
            ("biases", a.bias[at]),
            ("accumulators", a.acc[at]),
            ("watches", a.watches[at]),
            ("trends", a.trend[at]),
            ("trends at", a.trend_at[at]),
            ("verdicts", a.counts[at]),
            ("neighbours", [keys for keys, _ in near]),
            ("neighbours' weights", [weights for _, weights in near]),
        ]

    def _cohorts(self, value: bytes) -> list[object]:
        a = cohort_rows.load(value, self._titles).arrays
        return [a.centre, a.mass, self._key(a.title), a.watched, a.times, a.seen]

    def _signals(self, value: bytes) -> Fields:
        batch = signals.unpack(value, self._titles)
        told = batch.signals
        known = told.history < 0
        history = self._key(np.where(known, ~told.history, told.history))
        inside = np.arange(history.shape[1]) < told.depth[:, None]
        return [
            ("partition and number sent", (batch.partition, batch.sent)),
            ("actions", told.action),
            ("titles", self._key(told.title)),
            ("weights", told.weight),
            ("changes of counters", told.change),
            ("times", told.at),
            ("countries", batch.countries),
            ("devices", batch.devices),
            ("representations", told.x),
            ("gradients", told.gradient),
            ("lengths of histories", told.depth),
            ("histories", np.where(inside, history, np.uint64(0))),
            ("known only", inside & known),
            ("titles of this session", told.session_items),
            ("lessons", msgspec.msgpack.decode(batch.updates) if batch.updates else None),
        ]

    def _experiment_viewers(self, rows: Rows) -> Fields:
        tallies = {key: value for key, value in rows.items() if key[1][:1] == result_rows.TALLY}
        viewers = {key: value for key, value in rows.items() if key not in tallies}
        return [("viewers", _read(viewers, result_rows.VIEWERS.unpack)), ("tallies", _read(tallies, _tally))]

    def _experiment_decisions(self, rows: Rows) -> Fields:
        looks = {key: value for key, value in rows.items() if key[1][:1] == b"\x02"}
        tallies = {key: value for key, value in rows.items() if key not in looks}
        return [("tallies", _read(tallies, _tally)), ("looks", _read(looks, _looks))]

    def _insights_viewers(self, rows: Rows) -> Fields:
        return [("viewers", _read(rows, insight_rows.VIEWERS.unpack))]

    def _insights_state(self, rows: Rows) -> Fields:
        titles = {key: value for key, value in rows.items() if key[1][:1] == insight_rows.TITLE}
        published = {key: value for key, value in rows.items() if key[1][:1] == insight_rows.PUBLISHED}
        others = {key: value for key, value in rows.items() if key not in titles | published}
        store = MemoryStore({key: value for (_, key), value in others.items() if value is not None})
        demand, _ = insight_rows.load_demand(store)
        told = (demand.facets, demand.queries, demand.served)
        return [
            ("titles", [(key[1:], _tallied(value)) for (_, key), value in titles.items() if value]),
            ("demand", [[one.counters for one in told], demand.totals, demand.origin_ms, demand.at_ms]),
            ("gone", [key[1:] for (_, key), value in others.items() if value is None]),
            ("published", [(key[1:], value) for (_, key), value in published.items()]),
        ]


def _neighbours(table: TitleTable, row: int) -> tuple[U8, F4]:
    """Return the keys of a title's neighbours, in ascending order, and the weights of their pairs."""
    near, weights = table.neighbours(row)
    keys = table.arrays.key[near]
    order = np.argsort(keys)
    return keys[order], weights[order]


def _by_name(rows: Rows) -> dict[str, bytes]:
    """Return the rows that are of a viewer or a title, by its id."""
    return {
        key.decode(): value
        for (_, key), value in rows.items()
        if value is not None and not partition_rows.is_reserved(key)
    }


def _gone(rows: Rows) -> list[bytes]:
    """Return the viewers or titles whose rows were deleted."""
    return [key for (_, key), value in rows.items() if value is None and not partition_rows.is_reserved(key)]


def _read(rows: Rows, read: Any) -> list[object]:
    """Read rows one by one; keys go without what tells their kind."""
    return [
        (partition, key.lstrip(_CONTROL), None if value is None else read(value))
        for (partition, key), value in rows.items()
    ]


_CONTROL = bytes(range(0x20))


def _own(rows: Rows, kinds: tuple[Any, ...]) -> Fields:
    """Read rows of a partition's own, each kind by itself."""
    out: Fields = []
    for kind in kinds:
        found = {key: value for key, value in rows.items() if partition_rows.owner_key(key[1]) == kind.key}
        said = [
            (partition, key[len(kind.key) :], None if value is None else _plain(kind.unpack(value)))
            for (partition, key), value in found.items()
        ]
        out.append((kind.name, said))
    return out


def _plain(value: Any) -> object:
    return value._asdict() if hasattr(value, "_asdict") else value


def _attributes(one: Any) -> list[object]:
    return [*vars(one).values()]


def _pictures(key: bytes, value: bytes) -> list[object]:
    gallery, title = Gallery(), key[1:].decode()
    attribution.load_artwork(gallery, key, value)
    bandit = gallery.bandit(title)
    return [bandit.at_ms, [(picture, bandit.cells(picture)) for picture in bandit.arms]]


def _audience(key: bytes, value: bytes) -> list[object]:
    audiences, scope = Segments(), key[1:].decode()
    segment_rows.load(audiences, key, value)
    one = audiences.state(scope)
    return [scope, one.keys, one.counts, one.since_ms, one.newest_ms]


def _tally(value: bytes) -> list[object]:
    record = result_rows.TALLIES.unpack(value)
    tally = result_rows.tally_of(record)
    arms = [(name, one.viewers, one.first, one.second) for name, one in tally.arms.items()]
    return [record.experiment_id, record.partition, tally.first_ms, tally.at_ms, tally.crossed, arms]


def _looks(value: bytes) -> list[object]:
    """Return the fields that are not their defaults."""
    one = result_rows.LOOKS.unpack(value)
    return [one.sample_ratio_p] * (one.sample_ratio_p < 1.0) + [one.decided] * one.decided


def _tallied(value: bytes) -> list[object]:
    """Return what is counted of a title, counters of groups as mappings."""
    tally = insight_rows.unpack_tally(value)
    return [
        tally.at_ms,
        tally.starts,
        tally.seconds,
        tally.places,
        tally.distinct,
        tally.counts,
        tally.distinct_by_action,
        tally.countries.counters,
        tally.cohorts.counters,
    ]
