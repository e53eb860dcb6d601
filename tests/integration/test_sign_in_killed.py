"""Workers that are killed while viewers sign in: what each did anonymously is theirs, once."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas import Event, History, Identify, topics
from schemas.codec import decode_event, decode_home
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.decoded_rows import decoded_titles, decoded_viewers
from streams.ops.inspect import named_titles
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import make_topics
from streams.stages.wire.partition_rows import is_reserved
from tests.chaos.workers import ChaosWorker
from tests.integration import oracle
from tests.streams.steps import watch
from tests.waiting import until

PLACES = ("mid_produce", "before_commit", "after_commit")
"""Where the batch of a sign-in is cut: half of it sent, all sent, committed and not stored."""
EACH = 8
"""Viewers that sign in around each kill."""
SLOW_S = 2.0
"""What each commit takes at the last kill: the accounts' batches are under way when it comes."""
FILMS = 3
"""That each of them has watched."""


@pytest.mark.slow
def test_a_kill_in_the_middle_of_signing_in_loses_and_doubles_nothing(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """In the batch that hands over, and while the account's owner learns it: one history for each viewer."""
    about = {"brokers": kafka.bootstrap_servers, "topic_prefix": topic_prefix, "group": f"{topic_prefix}n"}
    settings = Settings.load(**about)
    make_topics(settings)
    worker = ChaosWorker("w", settings, tmp_path, "")
    worker.set({"NEARLINE_GROUP_INSTANCE_ID": "w"})  # its partitions wait for it: no session has to end first
    guests = list(range(EACH * (len(PLACES) + 1)))
    with ExitStack() as stack:
        stack.callback(worker.stop)
        worker.start()
        worker.wait_ready()
        producer = stack.enter_context(EventProducer(settings))
        _send(producer, [watch(f"guest-{n}", _film(n, k), k) for n in guests for k in range(FILMS)])
        oracle.await_answers(settings, [worker])
        for number, place in enumerate((*PLACES, None)):
            signing_in = guests[number * EACH : (number + 1) * EACH]
            if place:
                worker.arm(place)
            else:
                worker.arm("before_commit", "slow", SLOW_S)
            _send(producer, [_signs_in(n) for n in signing_in])
            if not place:
                # until the first have been handed over
                until(lambda most=number * EACH: len(_histories(settings)) > most)
                worker.kill()
            worker.wait_dead()
            worker.disarm()
            worker.start()
            worker.wait_ready()
        oracle.await_answers(settings, [worker])
        assert worker.stop() == 0
    _check(settings, guests)


def _film(guest: int, number: int) -> str:
    return f"film-{guest}-{number}"


def _signs_in(guest: int) -> Identify:
    about = {"event_id": f"in-{guest}", "viewer_id": f"guest-{guest}", "event_time_ms": 1_700_000_100_000}
    return Identify(**about, known_as=f"account-{guest}")


def _send(producer: EventProducer, events: Sequence[Event]) -> None:
    producer.send(events)
    producer.flush()


def _histories(settings: Settings) -> list[History]:
    events = (decode_event(message.value() or b"", ()) for message in oracle.read(settings, topics.EVENTS))
    return [event for event in events if isinstance(event, History)]


def _check(settings: Settings, guests: Sequence[int]) -> None:
    """Hold events, rows, pages and titles against what happened."""
    films = {f"account-{n}": tuple(_film(n, k) for k in range(FILMS)) for n in guests}
    histories = _histories(settings)
    assert Counter(event.viewer_id for event in histories) == Counter(films.keys())
    assert {event.viewer_id: event.liked for event in histories} == films
    rows = oracle.newest(oracle.read(settings, topics.VIEWER_STATE))
    kept = [(key, value) for key, value in rows.items() if value and not is_reserved(key)]
    said = decoded_viewers(kept, named_titles(settings))
    known = {one["viewer_id"]: tuple(title["title_id"] for title in one["known"]) for one in said}
    assert known == films
    pages = defaultdict(list)
    for message in oracle.read(settings, topics.HOME):
        value = message.value()
        pages[(message.key() or b"").decode()].append(value and decode_home(value).seq)
    assert {viewer for viewer, seen in pages.items() if seen[-1] is None} == {f"guest-{n}" for n in guests}
    for viewer in films:
        assert pages[viewer] == list(range(1, len(pages[viewer]) + 1)) != []
    rows = oracle.newest(oracle.read(settings, topics.TITLE_MODEL))
    titles = [(key, value) for key, value in rows.items() if not is_reserved(key)]
    learned = decoded_titles(titles, named_titles(settings))
    counted = {one["title_id"]: one["positives"] for one in learned if one["positives"]}
    assert counted == {film: 1 for some in films.values() for film in some}
    assert not oracle.read(settings, topics.DEAD_LETTERS)
