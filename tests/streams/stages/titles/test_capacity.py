"""Titles that somebody invented, and titles known by their key alone: what fits, stays, is deleted."""

from string import ascii_uppercase

import numpy as np

from online_models.catalog.catalog import Catalog
from online_models.config import FactorizationConfig, ModelConfig
from online_models.learners.segments import MOST_SCOPES
from online_models.tables.titles import TitleTable, title_key
from schemas import History, Tags, Title
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.stages.titles.step import TitlesStep
from streams.stages.viewers.replica import Replica
from streams.stages.wire import title_rows
from streams.stages.wire.partition_rows import TAGS, is_reserved
from streams.stages.wire.segment_rows import is_segment, scope_of
from streams.telemetry.metrics import Metrics
from tests.streams.steps import T0, Line, MemoryStore, message, pages_of, watch

CAPACITY = 200
SETTINGS = Settings(prequential_share=0.0, model=ModelConfig(title_capacity=CAPACITY))


def _shown(line: Line, number: int) -> set[str]:
    (page,) = pages_of(line.feed(watch("ada", "t1", number)))
    return {item.title_id for row in page.rows for item in row.items}


def _line() -> Line:
    """Give a line with a catalog of which the titles stage knows, as in a worker."""
    line = Line(settings=SETTINGS)
    line.titles = [_stage(line)]
    line.put(*(Title(title_id=f"t{k}") for k in range(5)))
    for n in range(10):
        line.feed(*(watch(f"v{n}", f"t{k}", n) for k in range(3)))
    return line


def _stage(line: Line, evicted: list[int] | None = None) -> TitlesStep:
    return TitlesStep(
        SETTINGS, 0, line.title_stores[0], in_catalog=line.replica.catalog.has_keys,
        on_evicted=[].append if evicted is None else evicted.append,
    )  # fmt: skip


def _stored(line: Line) -> set[str]:
    return {key.decode() for key in line.title_stores[0].rows if not is_reserved(key)}


def _invented(line: Line, first: int, count: int) -> None:
    """Let somebody watch titles that nobody has; each worker that passes them on knows a hundred at most."""
    for start in range(first, first + count, 100):
        worker = Line(settings=SETTINGS)
        worker.titles, worker.title_stores = line.titles, line.title_stores
        for at in range(start, start + 100, 20):
            seen = (watch("mallory", f"x{n}", n, watched_s=3000) for n in range(at, at + 20))
            for learned in worker.learn(worker.step(worker.records(seen))):
                line.replica.take_rows([message(key, value) for key, value in learned.rows])


def test_a_new_title_of_the_catalog_reaches_a_page_however_many_ids_are_invented() -> None:
    """A `history` names two hundred of them in one request."""
    line = _line()
    for n in range(4):
        liked = tuple(f"h{n}.{k}" for k in range(160))
        line.feed(History(event_id=f"h{n}", viewer_id="mallory", event_time_ms=T0 + n, liked=liked))
    assert line.replica.titles.outside == CAPACITY
    assert line.replica.titles.row("h3.159") is None
    line.put(Title(title_id="blockbuster"))
    for n in range(30):
        line.feed(watch(f"w{n}", "blockbuster", n), watch(f"w{n}", "t1", n + 1))
    assert "blockbuster" in _shown(line, 900)
    assert line.count("replica_outside") == CAPACITY == line.count("title_capacity")


def test_a_table_full_of_evicted_rows_takes_new_titles_of_the_catalog() -> None:
    """Within the run of a worker: as many again as the table has rows, learned, shown, and none dropped."""
    line = _line()
    _invented(line, 100, 400)
    known = line.replica.titles
    assert known.outside == CAPACITY
    evicted = {name for name in known.ids if name.startswith("x")} - _stored(line)
    assert len(evicted) > CAPACITY // 4
    new = [f"new{n}" for n in range(CAPACITY)]
    line.put(*(Title(title_id=name) for name in new))
    assert all(known.row(name) is not None for name in new)
    for n in range(30):
        line.feed(watch(f"w{n}", new[-1], n), watch(f"w{n}", "t1", n + 1))
    assert new[-1] in _shown(line, 900)
    assert new[-1] in _stored(line)
    assert line.replica.titles.outside == CAPACITY


def test_the_least_watched_titles_outside_of_the_catalog_are_evicted() -> None:
    """Half of the capacity is learned; what many watch and the catalog stay, and so after a restart."""
    line, evicted = _line(), list[int]()
    line.titles = [_stage(line, evicted)]
    for n in range(8):
        line.feed(watch(f"fan{n}", "loved", 50 + n))
    line.put(Title(title_id="rare"))
    line.feed(watch("one", "rare", 60))
    _invented(line, 100, 400)
    titles = line.titles[0]._side.titles
    assert titles.outside <= CAPACITY // 2 + 20
    assert sum(evicted) > 200
    kept = _stored(line)
    assert {"loved", "rare", "t0", "t1", "t2", "x499"} <= kept
    assert len(kept) <= CAPACITY // 2 + 25
    assert kept == {name for name in titles.ids if name}
    again = _stage(line)._side.titles
    assert {name for name in again.ids if name} == kept
    for name in ("loved", "t1", "x499"):
        ours, theirs = titles.row(name), again.row(name)
        assert titles.arrays.counts[ours].tolist() == again.arrays.counts[theirs].tolist()
        assert _neighbours(titles, name) == _neighbours(again, name)
    line.feed(watch("late", "x100", 9_000), watch("late", "t1", 9_001))
    row = line.titles[0]._side.titles.row("x100")
    assert row is not None
    assert titles.arrays.counts[row, 0] == 1  # it begins anew


def _neighbours(titles: TitleTable, name: str) -> dict[int, float]:
    row = titles.row(name)
    assert row is not None
    near, weights = titles.neighbours(row)
    pairs = zip(titles.arrays.key[near].tolist(), weights.tolist(), strict=True)
    return {key: round(weight, 4) for key, weight in pairs}


def test_no_row_names_an_evicted_title() -> None:
    """Neither as a neighbour, in memory and in the store, nor as an active title."""
    line = _line()
    line.feed(watch("mallory", "t1", 90))
    _invented(line, 100, 400)
    titles, kept = line.titles[0]._side.titles, {title_key(name) for name in _stored(line)}
    for name in _stored(line):
        assert set(_neighbours(titles, name)) <= kept
    packed = title_rows.unpack([line.title_stores[0].rows[n.encode()] for n in _stored(line)], SETTINGS.model)
    assert set(packed.pairs["key"].tolist()) <= kept
    active = titles.arrays.active[: titles.arrays.size[1]]
    assert len(set(active.tolist())) == active.size
    assert (titles.arrays.counts[active, 0] > 0).all()


def test_replicas_follow_what_the_stage_wrote() -> None:
    """One that starts now shows what is stored; one that was there shows no title that was evicted since."""
    line = _line()
    _invented(line, 100, 400)
    started = Replica(SETTINGS, partitions=1, viewer_partitions=1, metrics=Metrics())
    started.take_rows([message(key, value) for key, value in line.title_stores[0].rows.items()])
    shown = []
    for replica in (line.replica, started):
        allowed = replica.catalog.allowed(limit=255, country=0, now_ms=T0)
        named = zip(replica.titles.ids, allowed.tolist(), strict=True)
        shown.append({name for name, may in named if may and name})
    assert shown[1] == _stored(line)
    assert {"t0", "t1", "t2"} <= shown[0] <= _stored(line) | {"t3", "t4"}
    assert line.replica.titles.outside <= CAPACITY
    line.put(Title(title_id="blockbuster"))
    assert line.replica.titles.row("blockbuster") is not None


def test_invented_countries_take_no_list_from_those_that_watch() -> None:
    """The least watched are dropped, with their rows and lists, in the stage and in replicas."""
    line = Line()
    for n in range(30):
        line.feed(*(watch(f"v{n}", f"t{k}", n, country="DE") for k in range(3)))
    codes = [f"{a}{b}" for a in ascii_uppercase for b in ascii_uppercase if a + b not in {"DE", "NZ"}]
    invented = [watch(f"m{n}", "t1", 60 * n, country=code) for n, code in enumerate(codes)]
    gone: set[bytes] = set()
    for start in range(0, len(invented), 20):
        for out in line.learn(line.step(line.records(invented[start : start + 20]))):
            line.replica.take_rows([message(key, value) for key, value in out.rows])
            gone |= {scope_of(key) for key, value in out.rows if is_segment(key) and value is None}
    crowd = [watch(f"kiwi{n}", "t2", 90_000 + n, country="NZ") for n in range(20)]
    late = line.learn(line.step(line.records(crowd)))
    assert b"country:NZ" in {one["key"] for out in late for some in out.outputs.values() for one in some}
    stored = {scope_of(key) for key in line.title_stores[0].rows if is_segment(key)}
    assert {"country:DE", "country:NZ"} <= stored
    assert len(stored) <= MOST_SCOPES
    assert line.replica._shard_segments[0]._scopes.keys() == stored
    assert "country:AA" in gone


def test_a_title_known_by_its_key_alone_keeps_its_neighbours() -> None:
    """Over a restart of the stage, and when somebody says its name."""
    line = Line()
    line.feed(watch("ada", "x", 1))
    known = line.replica.titles
    row = known.row("x")
    assert row is not None
    known.ids.put(np.array([row]), [None])  # a worker that has read ada's history, and no title of this name
    key = title_key("x")
    line.title_stores = [MemoryStore()]
    line.titles = [TitlesStep(line.settings, 0, line.title_stores[0])]
    line.feed(watch("ada", "y", 2))
    before = _near(line.titles[0], key)
    assert before.size
    stored = title_rows.KEYED + np.uint64(key).tobytes()
    assert stored in line.title_stores[0].rows
    line.titles = [TitlesStep(line.settings, 0, line.title_stores[0])]
    assert _near(line.titles[0], key).tolist() == before.tolist()
    known.ids.put(np.array([row]), ["x"])
    line.feed(watch("bob", "x", 3))
    assert stored not in line.title_stores[0].rows
    line.titles = [TitlesStep(line.settings, 0, line.title_stores[0])]
    assert _near(line.titles[0], key).tolist() == before.tolist()


def _near(stage: TitlesStep, key: int) -> np.ndarray:
    """Return the keys of a title's neighbours."""
    titles = stage._side.titles
    near, _ = titles.neighbours(titles.find(np.array([key], np.uint64))[0])
    return np.sort(titles.arrays.key[near])


def test_a_restarted_stage_keeps_tags_until_the_whole_catalog_is_read() -> None:
    """Their titles may be still to come; then those that the catalog dropped give way to new ones."""
    factorization = FactorizationConfig(tags=2, factors=4)
    settings = Settings(prequential_share=0.0, model=ModelConfig(factorization=factorization))
    store, catalog, read = MemoryStore(), Catalog(TitleTable(settings.model)), [True]

    def learn() -> TitleTable:
        for step in steps:
            store.commit(step([]))
        return steps[-1]._side.titles

    def stage() -> TitlesStep:
        return TitlesStep(settings, 0, store, labels_since=catalog.labels_since, all_labelled=lambda: read[0])

    steps = [stage()]
    catalog.put(Title(title_id="t1", tags=Tags(genre=("Drama",))))
    catalog.put(Title(title_id="t2", tags=Tags(genre=("Crime",))))
    learned = learn().tag_rows()
    store.commit(Outcome(rows=[TAGS.row(learned)]))
    catalog, read[0] = (
        Catalog(TitleTable(settings.model)),
        False,
    )  # a restart, while the catalog is being read
    steps = [stage()]
    catalog.put(Title(title_id="t9", tags=Tags(genre=("New",))))
    assert learn().tags == learned.names
    catalog.put(Title(title_id="t1", tags=Tags(genre=("Drama",))))
    read[0] = True
    catalog.put(Title(title_id="t9", tags=Tags(genre=("New",), mood=("dark",))))
    assert learn().tags == ["genre:Drama", "genre:New"]
