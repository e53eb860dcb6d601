"""Where each record and each row goes when partitions are split; two towns that are one."""

from collections import Counter

import pytest

from online_models.config import ModelConfig, RewardConfig
from online_models.experiments.exposure import Tally
from online_models.experiments.moments import Moments
from online_models.simulation import World
from schemas import topics
from schemas.codec import encode
from schemas.pages import Home
from schemas.partitioner import partition_for
from schemas.versions import MARKER_KEY
from streams.config.settings import Settings
from streams.errors import SettingsError, StateError
from streams.ops.split.routes import KEPT, MOVED, Split, event, result_row, viewer_row, visit_row
from streams.ops.split.sources import LEFT, STAGES, TABLES
from streams.stages.experiments.rows import TALLIES, TALLY, is_sound, pack_tally, tally_of
from streams.stages.wire import impression_rows, partition_rows
from tests.integration.oracle import viewer_facts
from tests.streams.steps import MemoryStore, message, watch
from tests.streams.town import Town

OF_TITLES = {partition_rows.LEARNED, partition_rows.TAGS}
"""Rows of title shards, whose number does not change."""
PART = 70
"""Events before, between and after the splits, each."""


def _settings() -> Settings:
    """Make settings: a page for each event that asks for one, and nothing that a partition alone knows."""
    model = ModelConfig(reward=RewardConfig(quantile_from=10**9))
    return Settings(
        page_interval_s=0.0, list_per_event=True, model=model, event_time=True, prequential_share=0.0
    )


def _fed(town: Town, world: World) -> Town:
    for one in world.take(PART):
        town.produce(topics.EVENTS, one.viewer_id.encode(), encode(one))
    town.run()
    return town


def _split_town(town: Town, times: int) -> Town:
    """Return a town whose partitions are those of another one, split."""
    how = Split(town.partitions, town.partitions * times)
    stores = {("titles", 0): town.stores["titles", 0]}
    stores |= {("viewers", child): MemoryStore() for child in range(how.after)}
    for partition in range(how.before):
        for key, value in town.stores["viewers", partition].scan():
            for child, copy in viewer_row(how, partition, key, value):
                stores["viewers", child].rows[key] = copy or b""
    after = Town(_settings(), how.after, stores)
    after.replica.take_rows([message(key, value) for key, value in stores["titles", 0].scan()])
    return after


def _shown(pages: list[Home]) -> dict[str, tuple[object, ...]]:
    """Return what each viewer's last page shows, and its number."""
    return {page.viewer_id: (page.seq, page.rows) for page in pages}


@pytest.fixture(scope="module")
def split_twice() -> tuple[Town, Town]:
    """Give a town that was split from 2 to 4 to 8, and that of 8 from the beginning."""
    towns = [Town(_settings(), 2), Town(_settings(), 8)]
    worlds = [World(seed=5, viewers=20, titles=60, rate=50) for _ in towns]
    pages = []
    for part in range(3):
        towns = [_fed(town, world) for town, world in zip(towns, worlds, strict=True)]
        pages += towns[0].pages()
        if part < 2:
            towns[0] = _split_town(towns[0], 2)
    towns[0].published = pages  # type: ignore[attr-defined]
    return towns[0], towns[1]


def _facts(town: Town) -> dict[bytes, object]:
    rows = [town.stores["viewers", p].rows for p in range(town.partitions)]
    return {key: fact for some in rows for key, fact in viewer_facts(some, _settings()).items()}


def test_split_viewers_are_those_of_a_replay(split_twice: tuple[Town, Town]) -> None:
    """Split from 2 to 4 to 8 on the way, each viewer's row is that of 8 throughout."""
    split, eight = map(_facts, split_twice)
    assert len(split) > 5
    assert split == eight


def test_each_row_is_in_the_partition_of_its_events(split_twice: tuple[Town, Town]) -> None:
    """The step would refuse the events of a viewer elsewhere."""
    for partition in range(8):
        for key, _ in split_twice[0].stores["viewers", partition].scan():
            if not partition_rows.is_reserved(key):
                assert partition_for(key, 8) == partition
    assert not split_twice[0].log[topics.DEAD_LETTERS, 0]


def test_pages_go_on_being_numbered(split_twice: tuple[Town, Town]) -> None:
    """Each event that asks has its page, and each viewer's pages are numbered by one, whatever was split."""
    split, eight = split_twice
    pages: list[Home] = split.published  # type: ignore[attr-defined]
    last = Counter[str]()
    for page in pages:
        last[page.viewer_id] += 1
        assert page.seq == last[page.viewer_id]
    assert last == Counter(page.viewer_id for page in eight.pages())


def test_titles_have_learned_each_event_once(split_twice: tuple[Town, Town]) -> None:
    """Counters of titles are those of the towns that were not split, and no signal is missing."""
    counts = []
    for town in split_twice:
        titles = town.replica.titles
        found = {name: titles.arrays.counts[titles.row(name)].tolist() for name in titles.ids}
        counts.append({name: count for name, count in found.items() if any(count)})
        assert town.stage.lag.events() == 0
    assert counts[0] == counts[1]


def test_a_split_page_is_the_page_of_before() -> None:
    """The next page of each viewer is that of the parent, had it been restarted instead, field by field."""
    world = World(seed=7, viewers=30, titles=60, rate=50)
    town = _fed(Town(_settings(), 2), world)
    before, after = _split_town(town, 1), _split_town(town, 2)
    for number, viewer in enumerate(sorted(_facts(before))):
        one = watch(viewer.decode(), "t1", 10_000 + number, event_time_ms=1_800_000_000_000)
        for each in (before, after):
            each.produce(topics.EVENTS, viewer, encode(one))
    before.run()
    after.run()
    assert _shown(after.pages()) == _shown(before.pages())
    assert len(after.pages()) > 5


def test_every_topic_has_a_rule() -> None:
    """A topic is a source, a state, a table, the register, or stays where it is."""
    of_stages = {name for stage in STAGES for name in (stage.source, stage.changelog)}
    ruled = of_stages | {*TABLES, *LEFT, topics.MODEL_VERSIONS}
    assert ruled == set(topics.TOPICS)
    assert sum(map(len, (of_stages, TABLES, LEFT))) + 1 == len(ruled)


def test_every_row_of_a_partition_has_a_rule() -> None:
    """A new row has to say what a split does with it."""
    known = {row.key for row in partition_rows.ALL} - {row.key for row in OF_TITLES}
    assert {*KEPT, MOVED.key} == known


def test_a_marker_is_for_all_children_and_an_event_for_one() -> None:
    """Viewers of every child meet the switch between the same two events."""
    how = Split(2, 8)
    assert list(event(how, 1, MARKER_KEY)) == [1, 3, 5, 7]
    home = partition_for(b"ada", 8)
    assert list(event(how, home % 2, b"ada")) == [home]
    assert list(event(how, 1 - home % 2, b"ada")) == [1 - home % 2]


def test_rows_of_members_go_with_their_viewers() -> None:
    """Alerts, impressions and visits are where the viewer's events are; accounts decide for profiles."""
    how, home = Split(2, 8, profiles=True), partition_for(b"ada", 8)
    alerted = partition_rows.ALERTED.no_row("ada:kids")[0]
    for key, route in (
        (b"ada:kids", viewer_row),
        (impression_rows.key_of("ada:kids"), viewer_row),
        (alerted, viewer_row),
        (b"ada:kids", visit_row),
        (b"ada:kids", result_row),
    ):
        assert list(route(how, home % 2, key, b"row")) == [(home, b"row")]


def test_profiles_that_are_forgotten_are_noticed() -> None:
    """Without the setting, profiles of one account would be torn apart."""
    names = [f"ada:{n}".encode() for n in range(20)]
    parent = partition_for(b"ada", 2)
    with pytest.raises(SettingsError, match="NEARLINE_PROFILES"):
        [viewer_row(Split(2, 4), parent, name, b"row") for name in names]


def test_signals_are_counted_once_and_takeovers_are_done() -> None:
    """The first child has sent what the parent has; a role waits for no version that is gone."""
    how = Split(2, 4, version="blue")
    assert list(viewer_row(how, 1, *partition_rows.SENT.row(70))) == [(1, partition_rows.SENT.row(70)[1])]
    role = partition_rows.ROLE.row((3, 41, True, "1"))
    done = partition_rows.ROLE.row((3, 41, True, "blue"))[1]
    assert list(viewer_row(how, 1, *role)) == [(1, done), (3, done)]


def test_tallies_of_children_add_up_to_the_parents() -> None:
    """One child keeps the sums, the others begin with none, of the same arms and the same first time."""
    arm = Moments()
    arm.add([20, 1, 1, 3600, 1, 1, 0, 100])
    parent = Tally(5, 9, 2, {"new": arm})
    rows = dict(result_row(Split(2, 8), 1, TALLY + b"x", pack_tally("x", 1, parent)))
    records = {child: TALLIES.unpack(value or b"") for child, value in rows.items()}
    assert {child: record.partition for child, record in records.items()} == {1: 1, 3: 3, 5: 5, 7: 7}
    assert all(is_sound(record) for record in records.values())
    assert Tally.merged(map(tally_of, records.values())) == parent
    assert set(records[3].arms) == {"new"}


def test_an_unknown_row_is_refused() -> None:
    """What a newer program wrote is not left behind in silence."""
    with pytest.raises(StateError, match="unknown"):
        list(viewer_row(Split(2, 4), 0, b"\x01something", b"\1"))
