"""Forgetting a viewer: everything of theirs is gone, once, and no restore or replay brings it back."""

import json
import shutil
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from online_models.insights.catalog_snapshot import CatalogSnapshot
from online_models.simulation import World
from online_models.tables.hashing import hash_ids
from online_models.tables.layout import DAY_MS
from schemas import Artwork, Event, Forget, History, Identify, Impression, Tags, Title, topics
from schemas.codec import decode_event, decode_home
from streams.cli import main
from streams.config.settings import Settings
from streams.engine import state
from streams.engine.state import ERASE_EVERY_MS, FLUSHED_EVERY_MS, Store, StoreMemory
from streams.errors import BrokerUnreachableError, DeliveryError, SettingsError, UnknownIdError
from streams.kafka.produce import EventProducer, put
from streams.kafka.scan import read_latest
from streams.ops import forget as forgetting
from streams.ops.forget import ForgetRequest, await_forgotten, request
from streams.ops.inspect import inspect_viewer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import WorkerProcess
from streams.stages.insights.rows import VISITS
from streams.stages.insights.visits import VisitsStep
from streams.stages.versions.cutover import Cutover
from streams.stages.wire import impression_rows
from streams.stages.wire.partition_rows import DEPARTURES, is_reserved
from tests.streams.steps import T0, Line, MemoryStore, records_of, watch
from tests.waiting import until


def _forget(viewer: str, number: int = 0, **more: Any) -> Forget:
    """Make a request."""
    return Forget(event_id=f"f{number}", viewer_id=viewer, event_time_ms=T0 + 500 + number, **more)


def _rows(line: Line) -> dict[bytes, bytes]:
    """Return the viewers' rows."""
    return {key: value for key, value in line.store.rows.items() if not is_reserved(key)}


def _crowd() -> list[Event]:
    """Make viewers who teach twelve titles."""
    return [watch(f"crowd{v}", f"t{(v + k) % 12}", 3 * v + k) for v in range(30) for k in range(3)]


@pytest.fixture
def line() -> Line:
    """Give both stages and a crowd."""
    line = Line(Settings(prequential_share=0.0))
    line.put(*(Title(title_id=f"t{n}", artwork=(Artwork(id="a", uri="a"),), tags=Tags()) for n in range(12)))
    line.feed(*_crowd())
    return line


def test_nothing_of_a_viewer_is_left_but_what_all_have_counted(line: Line) -> None:
    """Row, impressions and page go; titles keep their counts; others keep everything."""
    seen = Impression(
        event_id="s",
        viewer_id="ada",
        event_time_ms=T0,
        list_id="l",
        row=0,
        slot=0,
        title_id="t9",
        artwork="a",
    )
    line.feed(watch("ada", "t1", 1), watch("bob", "t1", 2), seen)
    titles, others = dict(line.title_stores[0].rows), _rows(line)
    assert b"ada" in others
    outcome = line.feed(_forget("ada"))
    del others[b"ada"]
    assert _rows(line) == others
    assert outcome.outputs == {(topics.HOME, 0): [{"key": b"ada", "value": None}]}
    assert not [key for key in line.store.rows if b"ada" in key]
    assert impression_rows.PREFIX + b"ada" in {key for key, value in outcome.rows if value is None}
    assert line.title_stores[0].rows == titles
    assert line.side.viewers.known("ada") == []


def test_who_comes_back_is_new(line: Line) -> None:
    """In one batch, in many, over a restart and in a replay: the same is known afterwards."""
    story = [
        watch("ada", "t1", 1),
        watch("ada", "t2", 2),
        _forget("ada"),
        watch("ada", "t3", 600),
        _forget("ada", 1),
        _forget("ada", 1),
        watch("ada", "t4", 700),
    ]
    found = []
    for parts in ([story], [[one] for one in story], [story[:3], story[3:6], story[6:]]):
        line = Line(Settings(prequential_share=0.0))
        line.feed(*_crowd())
        for part in parts:
            line.step(line.records(part))
            if len(parts) == 3:
                line.restart()
        viewers = line.side.viewers
        viewers.acquire(["ada"], line.load)
        assert [title for title, _ in viewers.known("ada")] == ["t4"]
        found.append(sorted(_rows(line).items()))
    assert found[0] == found[1] == found[2]


def test_a_stranger_can_be_forgotten_and_a_shadow_says_nothing(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be a page of another version: the tombstone is written by the version that publishes."""
    assert line.feed(_forget("nobody")).outputs == {(topics.HOME, 0): [{"key": b"nobody", "value": None}]}
    line.feed(watch("ada", "t1", 1))
    monkeypatch.setattr(Cutover, "silent", True)
    assert line.feed(_forget("ada", 1)).outputs == {}
    assert b"ada" not in _rows(line)


def test_who_counts_visits_forgets_too() -> None:
    """The row of what was new of a viewer goes, in the same batch as it came, or later."""
    store = MemoryStore()
    step = VisitsStep(Settings(), store, CatalogSnapshot)
    store.commit(step(records_of([watch("ada", "t1"), watch("bob", "t1")])))
    assert set(store.rows) == {b"ada", b"bob"}
    store.commit(
        step(records_of([watch("ada", "t2", 1), _forget("ada"), watch("cid", "t1"), _forget("cid", 1)]))
    )
    assert set(store.rows) == {b"bob"}
    assert set(step._viewers.hot) == {"bob"}


@pytest.mark.parametrize("is_first", [True, False])
def test_a_sign_in_from_before_brings_nobody_back(*, is_first: bool) -> None:
    """Whether its history comes before the request or behind it, also over a restart; a later one counts."""
    anonymous, account = Line(), Line()
    anonymous.feed(watch("anon", "t1", 1), watch("anon", "t2", 2))
    account.feed(watch("ada", "t9", 3))
    identify = Identify(event_id="i", viewer_id="anon", event_time_ms=T0 + 4_000, known_as="ada")
    forget = Forget(event_id="f", viewer_id="ada", event_time_ms=T0 + 9_000)
    (sent,) = anonymous.feed(identify).outputs[topics.EVENTS, None]
    history = decode_event(sent["value"])
    account.feed(*((history, forget) if is_first else (forget, history)))
    assert b"ada" not in account.store.rows
    account.restart()
    account.feed(history)
    assert b"ada" not in account.store.rows
    anonymous.feed(watch("anon", "t1", 20_000))
    again = Identify(event_id="j", viewer_id="anon", event_time_ms=T0 + 20_001, known_as="ada")
    (sent,) = anonymous.feed(again).outputs[topics.EVENTS, None]
    account.feed(decode_event(sent["value"]))
    assert b"ada" in account.store.rows


def _requests(line: Line) -> list[int]:
    return sorted(at for _, at in DEPARTURES.read(line.store).forgotten)


def test_the_time_of_a_request_is_kept_for_a_week(line: Line) -> None:
    """As long as an event from before it can be in the log; under a hash of the id, not the id."""
    for n, viewer in enumerate(("first-viewer", "second-viewer", "third-viewer")):
        line.feed(Forget(event_id=f"f{n}", viewer_id=viewer, event_time_ms=T0 + 4 * n * DAY_MS))
    assert _requests(line) == [T0 + 4 * DAY_MS, T0 + 8 * DAY_MS]
    assert not any(b"-viewer" in key + value for key, value in line.store.rows.items())


def test_the_time_of_a_request_goes_with_the_first_event_after_a_week(line: Line) -> None:
    """Whoever's it is, and wherever batches are cut; it is written out of the files, too."""
    history = History(event_id="h", viewer_id="ada", event_time_ms=T0 + 1, liked=("t1",))
    story = [
        _forget("ada"),
        history,
        watch("bob", "t1", 7 * DAY_MS + 499),
        watch("bob", "t2", 7 * DAY_MS + 500),
        msgspec.structs.replace(history, event_id="i"),
    ]
    found = []
    for cuts in ((0, 5), (0, 1, 2, 3, 4, 5), (0, 3, 5), (0, 4, 5)):
        line = Line(Settings(prequential_share=0.0))
        outcomes = [line.step(line.records(story[a:b])) for a, b in pairwise(cuts)]
        erased = [DEPARTURES.key in outcome.erased for outcome in outcomes]
        assert erased.count(True) == 1
        assert _requests(line) == []
        known = [(title, liked) for title, liked in line.side.viewers.known("ada")]
        found.append((line.store.rows[DEPARTURES.key], known))
    assert all(one == found[0] for one in found)
    assert found[0][1] == [("t1", True)]


def test_no_byte_of_a_viewer_is_left_on_the_disk(tmp_path: Path) -> None:
    """Neither id nor history in tables, log or manifest, once the deletion is written; others stay."""
    clock = Clock()
    store = Store(tmp_path / "0", StoreMemory(), now_ms=clock)
    row = b"".join(b"title-%03d" % n for n in range(100))
    forgotten = [b"forget-me-%d" % part for part in range(5)]
    for part, key in enumerate(forgotten):
        rows = [(b"other-%d-%04d" % (part, n), row) for n in range(1_000)]
        rows += [(key, b"secret-history"), (b"\x01alerted\0" + key, b"x")]
        store.write(rows, applied=1, changelog_position=1)
        store._db.flush()
    for n, key in enumerate(forgotten):
        keys = [key, b"\x01alerted\0" + key]
        store.write([(one, None) for one in keys], applied=2, changelog_position=2)
        store.erase(keys)
        assert (key in _bytes_of(tmp_path)) is (n > 0)  # the others wait, and go together
    clock.now += ERASE_EVERY_MS
    store.erase(())
    assert not any(part in _bytes_of(tmp_path) for part in (*forgotten, b"secret-history"))
    assert store.get(b"other-4-0999") == row
    store.close()
    assert not any(part in _bytes_of(tmp_path) for part in forgotten)


def test_other_databases_lose_the_bytes_within_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a server or a former owner: nobody erases there, and nothing but a few rows is written."""
    monkeypatch.setattr(state, "REWRITTEN_S", 1)  # by the clock of RocksDB
    clock = Clock()
    store = Store(tmp_path / "0", StoreMemory(), now_ms=clock)
    rows = {b"other-%04d" % n: b"row" * 50 for n in range(1_000)} | {b"forget-me": b"secret-history"}
    store.ingest(rows, applied=1, changelog_position=1)
    store.write([(b"forget-me", None)], applied=2, changelog_position=2)
    assert b"forget-me" in _bytes_of(tmp_path)
    clock.now += FLUSHED_EVERY_MS - 1
    store.write([(b"other-0001", b"r")], applied=3, changelog_position=3)
    assert b"forget-me" in _bytes_of(tmp_path)

    def days_pass() -> bool:
        clock.now += FLUSHED_EVERY_MS
        store.write([(b"other-0000", b"%d" % clock.now)], applied=4, changelog_position=4)
        return not any(part in _bytes_of(tmp_path) for part in (b"forget-me", b"secret-history"))

    until(days_pass)
    assert store.get(b"other-0999") == b"row" * 50
    store.close()


def test_each_stage_says_what_is_to_be_erased(line: Line) -> None:
    """Of a forgotten viewer every row; of who signs in to an account none: they are only deleted."""
    line.feed(watch("ada", "t1", 1), watch("bob", "t1", 2))
    outcome = line.feed(_forget("ada"))
    assert b"ada" in outcome.erased
    assert {key for key, value in outcome.rows if value is None} <= {*outcome.erased}
    outcome = line.feed(Identify(event_id="i", viewer_id="bob", event_time_ms=T0 + 4, known_as="cy"))
    assert outcome.erased == []
    step = VisitsStep(Settings(), MemoryStore(), CatalogSnapshot)
    assert step(records_of([watch("ada", "t1"), _forget("ada")])).erased == [b"ada"]


def test_a_forgotten_viewer_cannot_be_found_among_those_who_were_counted() -> None:
    """The number under which distinct viewers are counted follows from the id and an event's id."""
    sent = []
    for event_id in ("e1", "e2"):
        step = VisitsStep(Settings(), MemoryStore(), CatalogSnapshot)
        first = watch("ada", "t1", event_id=event_id)
        outcome = step(records_of([first, watch("ada", "t2", 1), _forget("ada"), watch("ada", "t3", 2)]))
        (message,) = outcome.outputs[topics.INSIGHTS_VISITS, 0]
        visits, _ = VISITS.unpack(message["value"])
        sent.append([visit.viewer for visit in visits])
    (one, same, anew), (other, _, also) = sent
    assert one == same
    assert len({one, anew, other}) == 3
    assert anew == also
    assert int(hash_ids(["ada"])[0]) not in (one, anew, other)


class Clock:
    """A clock that stands still, in ms."""

    now = 10**12

    def __call__(self) -> int:
        """Return the time."""
        return self.now


def _bytes_of(folder: Path) -> bytes:
    """Return all that stands in the files of a folder."""
    found = b""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # RocksDB removes files meanwhile
            found += path.read_bytes() if path.is_file() else b""
    return found


def test_each_profile_is_forgotten_by_itself() -> None:
    """The children's goes, the parents' stays."""
    line = Line(Settings(prequential_share=0.0, profiles=True))
    line.feed(*_crowd(), watch("ada", "t1", 1, profile_id="kids"), watch("ada", "t2", 2, profile_id="mum"))
    line.feed(_forget("ada", profile_id="kids"))
    assert {key for key in _rows(line) if key.startswith(b"ada")} == {b"ada:mum"}


def test_a_request_says_what_is_wrong_with_it(
    embedded: EmbeddedCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    """An id that nobody can have, or nobody has; a worker that does not come."""
    brokers = ["--brokers", embedded.bootstrap_servers]
    embedded.create(spec.name for spec in Settings().topic_table().values())
    settings = Settings.load(brokers=embedded.bootstrap_servers)
    for wrong in ("", "x" * 65, "a\nb", "\ud83d"):
        with pytest.raises(SettingsError, match="not a valid viewer id"):
            request(settings, wrong)
    assert main(["forget", "nobody", "--yes", "--wait", "0", "--json", "-", *brokers]) == 0
    sent = capsys.readouterr()
    assert json.loads(sent.out)["known"] is False
    assert "check the spelling" in sent.err
    put(settings, topics.VIEWER_STATE, b"ada", b"row")
    assert main(["forget", "ada", "--yes", "--wait", "0", "--json", "-", *brokers]) == 0
    sent = capsys.readouterr()
    assert json.loads(sent.out)["known"] is True
    assert "spelling" not in sent.err
    with pytest.raises(DeliveryError, match="no worker applied it") as caught:
        await_forgotten(settings, ForgetRequest("e", 0, 0), timeout_s=0.3)
    assert "do not repeat" in caught.value.next_step


def test_a_broker_that_falls_silent_is_waited_for_no_longer_than_asked(
    embedded: EmbeddedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request is in the log all the same, and is not to be repeated."""

    def silent(*_: object, silence_s: float) -> dict[int, bytes]:
        assert silence_s <= 3
        what = "changelog does not answer"
        raise BrokerUnreachableError(what)

    embedded.create([topics.VIEWER_STATE])
    monkeypatch.setattr(forgetting, "newest_applied", silent)
    settings = Settings.load(brokers=embedded.bootstrap_servers)
    with pytest.raises(DeliveryError, match="broker does not answer any more") as caught:
        await_forgotten(settings, ForgetRequest("e", 0, 0), timeout_s=3)
    assert "do not repeat" in caught.value.next_step


@pytest.fixture
def installation(embedded: EmbeddedCluster) -> Settings:
    """Give a cluster with topics and a catalog."""
    settings = Settings.load(brokers=embedded.bootstrap_servers, group="forgetting", check_crcs=False)
    embedded.create(spec.name for spec in settings.topic_table().values())
    with EventProducer(settings) as producer:
        producer.send_titles(World(seed=5, viewers=1, titles=60).titles)
    return settings


@pytest.mark.slow
def test_a_worker_forgets_and_its_successor_knows_nothing(installation: Settings, tmp_path: Path) -> None:
    """By the command: page and history gone; state built anew from the changelog has only what came after."""
    settings = installation
    titles = [title.title_id for title in World(seed=5, viewers=1, titles=60).titles]
    brokers = ["--brokers", settings.brokers]
    with WorkerProcess(settings, tmp_path) as worker, EventProducer(settings) as producer:
        worker.wait_ready()
        producer.send([watch(v, titles[n], n) for v in ("ada", "bob") for n in range(3)])
        producer.flush()
        document = tmp_path / "forgotten.json"
        assert main(["forget", "ada", "--yes", "--json", str(document), *brokers]) == 0
        assert b"forgotten_after_s" in document.read_bytes()
        assert read_latest(settings, topics.HOME, range(4))[b"ada"].value() is None
        with pytest.raises(UnknownIdError):
            inspect_viewer(settings, "ada")
        assert len(inspect_viewer(settings, "bob")["recent"]) == 3
        assert worker.stop() == 0
    shutil.rmtree(tmp_path / "state")
    with WorkerProcess(settings, tmp_path) as worker, EventProducer(settings) as producer:
        worker.wait_ready()
        producer.send([watch("ada", titles[9], 9)])
        producer.flush()
        found = until(lambda: _known(settings), worker)
    assert found == [titles[9]]
    page = read_latest(settings, topics.HOME, range(4))[b"ada"]
    assert decode_home(page.value() or b"").seq == 1


def _known(settings: Settings) -> list[str] | None:
    """Return what Ada watched, None while nothing is known of her."""
    try:
        return [one["title_id"] for one in inspect_viewer(settings, "ada")["recent"]]
    except UnknownIdError:
        return None
