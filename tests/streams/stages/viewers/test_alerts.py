"""Alerts: a new title is told of once, to whom it fits, few a week, under the guards of pages."""

import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from online_models.experiments.plan import ExperimentPlan
from online_models.page.alerts import best_new_releases, find_alerts
from online_models.page.build import blank_pages
from online_models.page.config import PageConfig
from online_models.page.selection import mark_reaching
from online_models.tables.layout import DAY_MS
from schemas import Availability, Identify, Preferences, Rate, Tags, Thumb, Title, topics
from schemas.codec import decode_alert, decode_home
from schemas.experiments import Arm, Experiment, ExperimentState, Ranking, Treatment
from schemas.fields import ItemReason
from schemas.pages import Alert, alert_id
from streams.config.settings import Settings
from streams.engine.stage import Outcome
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.ops.runs.worker_process import WorkerProcess
from streams.stages.viewers.alerts import MAX_REMEMBERED
from streams.stages.wire.partition_rows import ALERTED
from tests.integration import oracle
from tests.streams.steps import T0, Line, watch
from tests.waiting import until

ANY = {"alert_likes": 3, "alert_quantile": 0.0}
"""Whatever is new is worth an alert."""
NEW = T0 - DAY_MS


def alerts_of(outcome: Outcome) -> list[Alert]:
    """Read the alerts of an outcome."""
    found = [messages for (topic, _), messages in outcome.outputs.items() if topic == topics.ALERTS]
    alerts = [(one["key"], decode_alert(one["value"])) for messages in found for one in messages]
    assert all(key == alert.viewer_id.encode() for key, alert in alerts)
    return [alert for _, alert in alerts]


def line_of(**page: Any) -> Line:
    """Give both stages; ada has liked three of twelve old dramas."""
    line = Line(Settings(prequential_share=0.0, page=PageConfig(**ANY | page)))
    line.put(*(Title(title_id=f"t{n}", tags=Tags(genre=("Drama",))) for n in range(12)))
    line.feed(*(watch("ada", f"t{n}", n) for n in range(3)))
    return line


def put_new(line: Line, *names: str, **more: Any) -> None:
    """Let titles be released yesterday."""
    about = {"release_ms": NEW, "tags": Tags(genre=("Drama",)), **more}
    line.put(*(Title(title_id=name, name=f"The {name}", **about) for name in names))


def told(line: Line, number: int, viewer: str = "ada", **more: Any) -> list[str]:
    """Let a viewer watch one more title; return what they are told of."""
    outcome = line.feed(watch(viewer, f"t{number}", number, **more))
    return [alert.title_id for alert in alerts_of(outcome)]


def test_a_new_title_is_told_of_once() -> None:
    """With what it is, why, and until when it is news; not again, a restart later neither."""
    line = line_of()
    put_new(line, "new")
    outcome = line.feed(watch("ada", "t3", 3))
    (alert,) = alerts_of(outcome)
    assert (alert.viewer_id, alert.title_id, alert.text) == ("ada", "new", "New for you: The new")
    assert (alert.alert_id, alert.reason) == (alert_id("ada", "new"), ItemReason.TASTE)
    assert (alert.since_ms, alert.expires_at_ms) == (NEW, NEW + 14 * DAY_MS)
    assert (alert.generated_at_ms, alert.source.offset) == (T0 + 3, 3)
    assert told(line, 4) == []
    line.restart()
    assert told(line, 5) == []
    assert line.count("alerts_total") == 1


def test_a_crash_before_the_commit_loses_and_doubles_nothing() -> None:
    """The successor finds the same alert, byte for byte; a batch that comes again has none."""
    line = line_of()
    put_new(line, "new")
    records = line.records([watch("ada", "t3", 3)])
    line.now += line.pause_s
    lost = line.viewers(records)
    line.restart()
    done = line.step(records)
    assert len(alerts_of(done)) == 1
    assert done.outputs[topics.ALERTS, 0] == lost.outputs[topics.ALERTS, 0]
    assert alerts_of(line.step(records)) == []


def test_in_the_viewers_language() -> None:
    """Hindi for who understands it."""
    line = line_of()
    line.feed(
        Preferences(event_id="p", viewer_id="ada", event_time_ms=T0, languages=("hi",)),
    )
    put_new(line, "new")
    (alert,) = alerts_of(line.feed(watch("ada", "t3", 3)))
    assert (alert.text, alert.language) == ("आपके लिए नया: The new", "hi")


def test_no_more_than_some_a_week() -> None:
    """Of three new titles two are told of at once, in two pages, and the third when the week is over."""
    line = line_of()
    put_new(line, "new1", "new2", "new3")
    first = told(line, 3) + told(line, 4) + told(line, 5)
    assert len(set(first)) == len(first) == 2
    week = 7 * DAY_MS
    assert told(line, 6, event_time_ms=T0 + week + 2) == []
    last = told(line, 7, event_time_ms=T0 + week + 3)
    assert {*first, *last} == {"new1", "new2", "new3"}
    assert told(line, 8, event_time_ms=T0 + week + 9) == []


def test_not_for_an_imported_history() -> None:
    """Events of months ago cause no alerts, however many weeks they span; the next live event does."""
    now = T0 + 200 * DAY_MS
    line = Line(Settings(prequential_share=0.0, page=PageConfig(**ANY)), wall_ms=now)
    line.put(*(Title(title_id=f"t{n}", tags=Tags(genre=("Drama",))) for n in range(30)))
    put_new(line, "new1", "new2", release_ms=now - DAY_MS)
    assert [told(line, n, event_time_ms=T0 + n * 8 * DAY_MS) for n in range(8)] == [[]] * 8
    assert len(told(line, 9, event_time_ms=now)) == 1


@pytest.mark.parametrize(
    ("page", "more"),
    [
        ({"alerts_per_week": 0}, {}),
        ({"alert_likes": 50}, {}),
        ({"alert_days": 0.5}, {}),
        ({"rows": 1}, {}),
        ({}, {"release_ms": None}),
        ({}, {"release_ms": T0 + DAY_MS}),
        ({}, {"maturity": 18}),
        ({}, {"availability": Availability(countries=("IN",))}),
        ({}, {"availability": Availability(end_ms=T0 - 1)}),
    ],
)
def test_what_is_not_told_of(page: dict[str, Any], more: dict[str, Any]) -> None:
    """Switched off, too few likes, no news any more, not out yet; too old for the profile, not to be had."""
    line = line_of(**page)
    line.feed(Preferences(event_id="p", viewer_id="ada", event_time_ms=T0, maturity=16))
    put_new(line, "new", **more)
    assert told(line, 3) == []


def test_what_the_viewer_knows_is_no_news() -> None:
    """Watched, turned down, or withdrawn again."""
    line = line_of()
    put_new(line, "seen", "hated", "gone")
    line.withdraw("gone")
    bad = Rate(event_id="r", viewer_id="ada", event_time_ms=T0 + 1, title_id="hated", thumb=Thumb.DOWN)
    outcome = line.feed(watch("ada", "seen", 2), bad)
    assert alerts_of(outcome) == []
    assert told(line, 3) == []


@pytest.mark.parametrize(("quantile", "wanted"), [(0.999, [991]), (0.98, [991, 985]), (0.0, [991, 985, 3])])
def test_it_has_to_fit_better_than_nearly_all(quantile: float, wanted: list[int]) -> None:
    """By hand: of a thousand titles 8 and 14 fit better than the best new ones; two shelves have ten."""
    own = np.arange(1_001, dtype=np.float32)
    row = np.where(own == 1_000, -np.inf, -own).astype(np.float32)  # what everybody watches does not count
    pages, config = blank_pages(1, 2, 5, alerts=4), PageConfig(alert_quantile=quantile)
    new = np.array([3, 985, 991, 1_000], np.int32)
    tagged, left = np.full(16, 2**64 - 1, np.uint64), np.empty(16, np.uint64)
    mark_reaching(row, np.float32(-np.inf), left)
    found = find_alerts(config.spec(5, T0, 0), new, own, row, left, tagged, pages, 0)
    assert pages.alert[0].tolist() == wanted + [-1] * (4 - len(wanted))
    assert found == len(wanted)
    assert pages.alert_score[0, :found].tolist() == [-n for n in wanted]
    assert pages.alert_above[0, :found].tolist() == pytest.approx([(n + 1) / 1_000 for n in wanted])


def test_in_a_small_catalog_a_new_title_of_the_viewers_genre_is_news() -> None:
    """Nobody has watched it, so it is behind all of the genre; of 150 titles a hundredth would be one."""
    line = Line(Settings(prequential_share=0.0))
    genres = ("Comedy", "Horror", "Science Fiction", "Drama")
    line.put(*(Title(title_id=f"t{n}", tags=Tags(genre=(genres[n % 4],))) for n in range(160)))
    rng = np.random.default_rng(1)
    for viewer in range(150):
        titles = [f"t{4 * title + viewer % 4}" for title in rng.choice(40, 10, replace=False).tolist()]
        line.feed(*(watch(f"crowd{viewer}", title, 10 * viewer + n) for n, title in enumerate(titles)))
    line.put(*(Title(title_id=f"new {genre}", release_ms=NEW, tags=Tags(genre=(genre,))) for genre in genres))
    told_of = []
    for n, title in enumerate(rng.choice(40, 10, replace=False).tolist()):
        told_of += told(line, 4 * title + 1, event_time_ms=T0 + 10**6 + n)
    assert told_of == ["new Horror"]


@given(
    st.lists(st.floats(-5, 5, width=32) | st.just(-np.inf), min_size=1, max_size=30),
    st.sets(st.integers(0, 40), max_size=12),
    st.integers(1, 4),
)
def test_the_best_new_titles(row: list[float], candidates: set[int], most: int) -> None:
    """As if all candidates that may be shown were sorted by score, equal ones by row."""
    scores, title, score = np.array(row, np.float32), np.full(most, -1, np.int32), np.zeros(most, np.float32)
    n = best_new_releases(np.array(sorted(candidates), np.int32), scores, scores, title, score)
    shown = [t for t in sorted(candidates) if t < scores.size and scores[t] > -np.inf]
    assert title[:n].tolist() == sorted(shown, key=lambda t: -scores[t])[:most]
    assert score[:n].tolist() == scores[title[:n]].tolist()


def test_an_arm_that_ranks_without_taste_tells_nothing() -> None:
    """Popularity alone says nothing of a strong fit."""
    line = line_of()
    arm = Arm(name="all", share=1.0, treatment=Treatment(ranking=Ranking.POPULARITY))
    running = Experiment(experiment_id="x", state=ExperimentState.RUNNING, arms=(arm,))
    line.stage.plan = lambda: ExperimentPlan([running])
    line.restart()
    put_new(line, "new")
    assert told(line, 3) == []


def test_who_signs_in_is_forgotten_under_the_old_name() -> None:
    """The row goes with the anonymous viewer."""
    line = line_of()
    put_new(line, "new")
    assert told(line, 3) == ["new"]
    key, _ = ALERTED.no_row("ada")
    assert key in line.store.rows
    line.feed(Identify(event_id="i", viewer_id="ada", event_time_ms=T0 + 9, known_as="ada-known"))
    assert key not in line.store.rows


def test_memory_is_bounded_and_keeps_the_newest() -> None:
    """A row has a bounded number of titles; the oldest ones are dropped."""
    many = np.array([[2 * n + 2, T0] for n in range(MAX_REMEMBERED)], np.uint64).ravel()
    line = line_of(alerts_per_week=20)
    line.store.commit(Outcome(rows=[ALERTED.row(many, "ada")]))
    put_new(line, "new")
    assert told(line, 3, event_time_ms=T0 + 8 * DAY_MS) == ["new"]
    kept = ALERTED.read(line.store, "ada")
    assert kept.size == 2 * MAX_REMEMBERED
    assert kept[:2].tolist() == [4, T0]


def test_sent_alerts_come_back_as_they_were() -> None:
    """Title keys and times in turn, unsigned."""
    key, value = ALERTED.row(np.array([2**63, T0], np.uint64), "ada")
    assert key == b"\x01alerted\0ada"
    assert ALERTED.unpack(value).tolist() == [2**63, T0]


@pytest.mark.embedded
@pytest.mark.slow
def test_through_a_worker_that_is_killed(
    embedded: EmbeddedCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """A worker told ada of a title; its successor, without its disk, reads what was told and is silent."""
    embedded.create([f"{topic_prefix}{name}" for name in topics.TOPICS])
    where = {"brokers": embedded.bootstrap_servers, "topic_prefix": topic_prefix}
    settings = Settings(**where, check_crcs=False, event_time=True)  # type: ignore[arg-type]
    variables = {"NEARLINE_PAGE__ALERT_QUANTILE": "0", "NEARLINE_PAGE__ALERT_LIKES": "3"}
    with WorkerProcess(settings, tmp_path, variables) as worker, EventProducer(settings) as producer:
        producer.send_titles(
            [Title(title_id=f"t{n}") for n in range(40)] + [Title(title_id="new", release_ms=NEW)]
        )
        producer.flush()
        worker.wait_ready()
        done = 0

        def watches(count: int) -> None:
            nonlocal done
            producer.send([watch("ada", f"t{done + n}", done + n) for n in range(count)])
            producer.flush()
            done += count
            until(lambda done=done: _answered(settings) == done - 1, worker)

        watches(4)
        # The embedded cluster shows what a transaction has written so far: the page first, then the alert.
        (alert,) = until(lambda: _alerts(settings), worker)
        assert alert.title_id == "new"
        assert alert.source.offset < done, "the alert came with a later page than it could"
        until(lambda: _remembered(settings), worker)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait_dead()
        shutil.rmtree(worker.folder / "state")
        worker.start()
        worker.wait_ready()
        watches(3)
        assert worker.stop() == 0
    assert [alert.title_id for alert in _alerts(settings)] == ["new"]


def _alerts(settings: Settings) -> list[Alert]:
    return [decode_alert(message.value()) for message in oracle.read(settings, topics.ALERTS)]


def _remembered(settings: Settings) -> bool:
    """Return whether the changelog says that ada was told."""
    key, _ = ALERTED.no_row("ada")
    return any(message.key() == key for message in oracle.read(settings, topics.VIEWER_STATE))


def _answered(settings: Settings) -> int:
    """Return the offset of the newest event that a page names."""
    pages = [decode_home(message.value()) for message in oracle.read(settings, topics.HOME)]
    return max((page.source.offset for page in pages), default=-1)
