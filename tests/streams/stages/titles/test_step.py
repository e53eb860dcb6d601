"""The titles' step without a broker: what it learns, what a restart keeps, and how shards add up."""

import numpy as np
import pytest

from schemas import Event, Play, Rate, Reason, Thumb, topics
from schemas.codec import decode_trending
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.stages.titles.step import TitlesStep, titles_spec
from streams.stages.titles.trending import TRENDING_ITEMS
from streams.stages.wire import cohort_rows, title_rows
from streams.stages.wire.partition_rows import FORMAT, LEARNED, is_reserved
from tests.streams.steps import T0, Line, MemoryStore, record, records_of, watch

HALF_DAY = 43_200_000


def _events(n: int = 400, seed: int = 1) -> list[Event]:
    """Draw a crowd that watches, turns down and starts."""
    rng = np.random.default_rng(seed)
    found: list[Event] = []
    for number in range(n):
        viewer, title = f"v{rng.integers(40)}", f"t{int(rng.pareto(1) * 5) % 60}"
        at = {"viewer_id": viewer, "event_id": f"e{seed}.{number}", "event_time_ms": T0 + 1_000 * number}
        kind = rng.random()
        if kind < 0.7:
            found.append(watch(viewer, title, 1_000 * number))
        elif kind < 0.85:
            found.append(Rate(title_id=title, thumb=Thumb.DOWN, **at))
        else:
            found.append(Play(title_id=title, **at))
    return found


def _trending(outcome: Outcome) -> list[tuple[str, float]]:
    """Return the trending list of an outcome."""
    ((_, messages),) = outcome.outputs.items()
    return [(i.title_id, i.score) for m in messages for i in decode_trending(m["value"]).items]


def _counters(line: Line) -> dict[str, tuple[list[int], float, list[float]]]:
    """Return the replica's exact counters by name."""
    titles = line.replica.titles
    a = titles.arrays
    return {
        name: (a.counts[row].tolist(), float(a.watches[row]), a.trend[row].tolist())
        for row, name in enumerate(titles.ids)
        if a.counts[row].any()
    }


def test_changed_rows_and_the_count_are_written() -> None:
    """A batch writes the rows of its titles and how many signals of each viewers partition are learned."""
    line = Line()
    outcome = line.step(records_of([watch("ada", "t1"), watch("ada", "t2", 1), watch("bob", "t2", 2)]))
    (learned,) = line.learn(outcome)
    assert sorted(key for key, _ in learned.rows) == [
        FORMAT.key, LEARNED.key, cohort_rows.KEY, b"t1", b"t2",
    ]  # fmt: skip
    assert line.replica.learned(0) == 3
    assert _counters(line)["t2"][0] == [2, 0, 0]
    a = line.replica.titles
    assert [a.ids[j] for j in a.neighbours(a.intern(["t2"])[0])[0]] == ["t1"]


def test_a_restart_keeps_the_rows() -> None:
    """A step made from the store packs what was stored, byte for byte, and shows the same trending list."""
    line = Line()
    line.feed(*_events())
    (store,) = line.title_stores
    again = TitlesStep(line.settings, 0, MemoryStore(store.rows))
    titles = again._side.titles
    rows = title_rows.pack(titles, np.arange(len(titles), dtype=np.int32))
    assert dict(rows) == {key: row for key, row in store.rows.items() if not is_reserved(key)}
    assert again._trending.lists() == line.titles[0]._trending.lists()


def test_what_is_counted_is_the_same_after_restarts() -> None:
    """A step that began anew before every batch has the counters and neighbours of one that lived on."""
    straight, restarted = Line(), Line()
    for start in range(0, 400, 50):
        batch = _events()[start : start + 50]
        straight.feed(*batch)
        restarted.titles = [TitlesStep(restarted.settings, 0, restarted.title_stores[0])]
        restarted.feed(*batch)
    assert _counters(straight) == _counters(restarted)
    assert straight.replica.learned(0) == restarted.replica.learned(0) > 300
    for name in _counters(straight):
        one, two = (
            {t.ids[j]: round(float(w), 4) for j, w in zip(*t.neighbours(t.row(name) or 0), strict=True)}
            for t in (straight.replica.titles, restarted.replica.titles)
        )
        assert one == two


@pytest.mark.parametrize("shards", [2, 3])
def test_shards_count_what_one_counts(shards: int) -> None:
    """However many shards, a title has one owner and the same counters, neighbours and norms."""
    one, many = Line(), Line(Settings(prequential_share=0.0, title_shards=shards))
    for start in range(0, 400, 100):
        for line in (one, many):
            line.feed(*_events()[start : start + 100])
    assert _counters(one) == _counters(many)
    owners = [{key for key in store.rows if not is_reserved(key)} for store in many.title_stores]
    assert all(owners)
    assert sum(map(len, owners)) == len(set.union(*owners)) == len(_counters(one))
    assert many.replica.learned(0) == one.replica.learned(0)


def test_trending_fades_by_event_time() -> None:
    """A day's half-life: what was watched twice half a day ago yields to what is watched 1.9 times now."""
    line = Line()
    old = [watch(f"v{n}", "old", n) for n in range(4)]
    new = [watch(f"v{n}", "new", HALF_DAY + n) for n in range(3)]
    (first,) = line.learn(line.step(records_of(old)))
    assert [title for title, _ in _trending(first)] == ["old"]
    (second,) = line.learn(line.step(records_of(new, 4)))
    scores = dict(_trending(second))
    assert list(scores) == ["new", "old"]
    assert scores["old"] / scores["new"] == pytest.approx(4 / 3 * 2**-0.5, rel=1e-3)


def test_the_trending_list_speaks_of_the_newest_event() -> None:
    """A late event does not set the list's clock back, nor does a restart."""
    line = Line()
    line.feed(watch("ada", "t1", HALF_DAY))
    line.titles = [TitlesStep(line.settings, 0, line.title_stores[0])]
    (late,) = line.learn(line.step(records_of([watch("bob", "t2", 5)])))
    ((_, (message,)),) = late.outputs.items()
    trending = decode_trending(message["value"])
    assert message["key"] == b"global"
    assert trending.generated_at_ms == T0 + HALF_DAY
    assert trending.half_life_s == 86_400
    assert len(trending.items) <= TRENDING_ITEMS


def test_several_shards_publish_no_global_list() -> None:
    """A shard that knows a part of the titles does not pass it off as the whole."""
    line = Line(Settings(prequential_share=0.0, title_shards=2))
    for outcome in line.learn(line.step(records_of([watch("ada", "t1")]))):
        assert _trending(outcome) == []


def test_rubbish_in_the_internal_topic_is_a_dead_letter() -> None:
    """A tombstone, foreign bytes, or a record with one wrong number: the titles do not see it, and go on."""
    line = Line(Settings(prequential_share=0.0))
    outcome = line.step(records_of([watch("ada", "t1")]))
    (signal,) = outcome.outputs[topics.SIGNALS, 0]
    good = signal["value"] or b""
    depth = 40 + 1 + 2 + 4 + 4 + 8  # behind the header and five columns of one signal
    wrong = {"depth": good[:depth] + b"\xff\xff" + good[depth + 2 :], "name": good[:-2] + b"\x01\x01"}
    for value in (None, b"", b"\x01\x00", good[:-1], *wrong.values()):
        step = TitlesStep(Settings(), 0, MemoryStore())
        found = step([record(value), record(good)])
        assert [letter.reason for letter in found.dead_letters] == [Reason.MALFORMED]
        assert {key for key, _ in found.rows if not is_reserved(key)} == {b"t1"}


def test_a_key_that_is_no_title_keeps_no_shard_from_starting() -> None:
    """Bytes that are not UTF-8 are nobody's: the other titles are there."""
    line = Line(Settings(prequential_share=0.0))
    line.feed(watch("ada", "t1"))
    rows = line.title_stores[0].rows
    step = TitlesStep(Settings(), 0, MemoryStore(rows | {b"\xff\xfe": rows[b"t1"]}))
    assert step._side.titles.row("t1") is not None


def test_the_spec_names_topics_and_floor() -> None:
    """The stage reads signals and logs to the title model, at most ten times a second."""
    spec = titles_spec(Settings(topic_prefix="x."))
    assert (spec.source, spec.changelog) == (f"x.{topics.SIGNALS}", f"x.{topics.TITLE_MODEL}")
    assert spec.min_interval_s == 0.1
    assert isinstance(spec.make_step(0, MemoryStore()), TitlesStep)
