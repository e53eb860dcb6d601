"""Two tenants on one broker, and an anonymous viewer who signs in: on real workers."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas import Event, History, Identify, Title, topics
from schemas.codec import decode_event, decode_home
from streams.config.settings import Settings
from streams.kafka.produce import EventProducer
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import WorkerProcess, make_topics
from tests.integration import oracle
from tests.streams.steps import T0, watch


class House:
    """One tenant's topics and worker."""

    def __init__(self, kafka: KafkaCluster, tenant: str, folder: Path) -> None:
        self.settings = Settings.load(brokers=kafka.bootstrap_servers, tenant=tenant, page_interval_s=0.0)
        make_topics(self.settings)
        self.worker = WorkerProcess(self.settings, folder / tenant)
        with EventProducer(self.settings) as producer:
            producer.send_titles([Title(title_id=f"{tenant}-{n}") for n in range(9)])

    def send(self, events: Sequence[Event]) -> None:
        """Send events and wait until they are answered."""
        with EventProducer(self.settings) as producer:
            producer.send(events)
        oracle.await_answers(self.settings, [self.worker])

    def values(self, *names: str) -> list[bytes]:
        """Return the values of some of the tenant's topics."""
        return [message.value() or b"" for message in oracle.read(self.settings, *names)]


@pytest.mark.slow
def test_no_tenant_meets_another_and_sessions_become_viewers(
    kafka: KafkaCluster, topic_prefix: str, tmp_path: Path
) -> None:
    """The same group and viewers on one broker: each has its own lists; sign-ins arrive, once."""
    names = [
        f"{topic_prefix.strip('.')[:20]}-{name}".lower().replace("_", "-").replace(".", "-") for name in "ab"
    ]
    houses = [House(kafka, name, tmp_path) for name in names]
    assert {house.settings.group for house in houses} == {f"{name}.nearline" for name in names}
    with houses[0].worker, houses[1].worker:
        for house in houses:
            house.worker.wait_ready()
        for name, house in zip(names, houses, strict=True):
            own = [watch("ada", f"{name}-{n}", n, tenant_id=name) for n in range(3)]
            own += [watch("session", f"{name}-{n}", 10 + n) for n in range(4, 6)]
            house.send([*own, watch("ada", f"{name}-8", 20, tenant_id="somebody-else")])
        about = {"event_id": "i1", "viewer_id": "session", "event_time_ms": T0 + 50}
        houses[0].send([Identify(**about, known_as="eve"), Identify(**about, known_as="eve")])
        oracle.await_answers(houses[0].settings, [houses[0].worker])
        for house in houses:
            assert house.worker.stop() == 0
    for name, other, house in zip(names, names[::-1], houses, strict=True):
        assert house.values(topics.HOME)
        assert f"{other}-".encode() not in b"".join(house.values(*house.settings.topic_table()))
        assert len(house.values(topics.DEAD_LETTERS)) == 1
        assert name in house.settings.topic(topics.HOME)
    events = [decode_event(value, ()) for value in houses[0].values(topics.EVENTS)]
    (history,) = [event for event in events if isinstance(event, History)]
    assert (history.viewer_id, history.liked) == ("eve", tuple(f"{names[0]}-{n}" for n in (4, 5)))
    found = oracle.read(houses[0].settings, topics.HOME)
    assert [m.value() for m in found if m.key() == b"session"][-1] is None
    (page,) = [decode_home(m.value()) for m in found if m.key() == b"eve"]
    assert not {i.title_id for row in page.rows[:1] for i in row.items} & set(history.liked)
