"""A worker's version: its entry in the register, whether it publishes, whom it waits for."""

import asyncio

import pytest

from online_models.config import ModelConfig
from schemas import topics
from schemas.codec import encode
from schemas.versions import ModelSwitch, ModelVersion, SwitchMarker
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, pack_applied
from streams.engine.table_records import take_each
from streams.errors import ModelChangedError, TopicError
from streams.kafka.clients import producer
from streams.ops.local_kafka.embedded import PARTITIONS, EmbeddedCluster
from streams.ops.versions import accept, of_version
from streams.stages.titles.step import TitlesStep
from streams.stages.versions import status
from streams.stages.versions.handover import Handover, Predecessor, applied_by
from streams.stages.versions.register import Register, enter, read_register, remove
from streams.stages.versions.status import RegisteredVersion, registered
from streams.telemetry.metrics import Metrics
from tests.streams.steps import Line, MemoryStore, message, record, watch
from tests.waiting import PATIENCE_S, until

AT = 1_764_015_300_000


def _switch(epoch: int, name: str, cut: tuple[int, ...] = (1, 1, 1, 1)) -> ModelSwitch:
    return ModelSwitch(epoch=epoch, version=name, at_ms=AT + epoch, cut=cut)


@pytest.fixture
def settings(embedded: EmbeddedCluster) -> Settings:
    """Give an installation with a register and both versions' states."""
    found = Settings.load(brokers=embedded.bootstrap_servers)
    blue = of_version(found, "blue")
    embedded.create([topics.MODEL_VERSIONS, topics.VIEWER_STATE, blue.topic(topics.VIEWER_STATE)])
    return found


def test_the_register_keeps_versions_and_switches(settings: Settings) -> None:
    """What is entered is read back; a version that is struck is gone; the newest finished switch decides."""
    blue = ModelVersion(name="blue", fingerprint="f", epoch=0, registered_at_ms=AT, starts=(3, 0))
    enter(settings, blue)
    enter(settings, _switch(1, "blue"))
    enter(settings, _switch(2, "1", cut=()))
    register = read_register(settings)
    assert (register.versions, register.live, register.epoch) == ({"blue": blue}, "blue", 2)
    enter(settings, _switch(2, "1"))
    remove(settings, "blue")
    register = read_register(settings)
    assert (register.versions, register.live) == ({}, "1")


def test_an_entry_that_cannot_be_read_is_left_out() -> None:
    """Rubbish in the register stops no worker, and a key of a kind to come is nothing."""
    register = Register()
    bad = [message(b"version:x", b"{"), message(b"switch:1:x", None), message(b"other", b"{}")]
    take_each(bad, register.take)
    assert (register.versions, register.switches) == ({}, {})


@pytest.mark.parametrize(
    ("switches", "away"),
    [
        ([], None),
        ([(1, "blue")], 1),
        ([(1, "blue"), (2, "1")], None),
        ([(1, "blue"), (2, "1"), (3, "green"), (4, "blue")], 3),
    ],
)
def test_the_switch_away_from_a_version_is_found(switches: list[tuple[int, str]], away: int | None) -> None:
    """The last one counts, and a version that is live owes nothing."""
    register = Register(switches={one: _switch(*one) for one in switches})
    found = register.succeeded("1")
    assert (found and found.epoch) == away


def test_a_new_version_knows_the_numbers_of_before_a_split(settings: Settings) -> None:
    """Of a log that was split, every version has the number that no page of before had exceeded."""
    enter(settings, ModelVersion(name="1", fingerprint="f", epoch=0, registered_at_ms=AT, seq_base=500))
    blue = settings.model_copy(update={"model_version": "blue"})
    assert registered(blue, read_register(blue)).seq_base == 500
    assert read_register(blue).versions["blue"].seq_base == 500


def test_another_configuration_is_refused_and_told_the_way(settings: Settings) -> None:
    """The message names a version of its own and the command that goes on with what was learned."""
    first = registered(settings, read_register(settings))
    assert registered(settings, read_register(settings)) == first
    changed = settings.model_copy(update={"model": ModelConfig(publish_drift=0.06)})
    versions = RegisteredVersion(changed, partitions=PARTITIONS, metrics=Metrics())
    with pytest.raises(ModelChangedError) as caught:
        versions.start()
    assert caught.value.exit_code == 2
    assert "NEARLINE_MODEL_VERSION=" in caught.value.next_step
    assert "nearline model accept" in caught.value.next_step
    assert accept(changed) == first.fingerprint
    assert registered(changed, read_register(changed)).fingerprint == changed.model.fingerprint()


def test_forged_markers_do_not_make_a_worker_read_the_register_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a register that has grown is read; then a marker of a new switch is believed at once."""
    read: list[Register] = []

    def counted(chosen: Settings) -> Register:
        read.append(read_register(chosen))
        return read[-1]

    versions = RegisteredVersion(settings, partitions=PARTITIONS, metrics=Metrics())
    versions.start()
    monkeypatch.setattr(status, "read_register", counted)
    try:
        for epoch in range(1_000, 1_020):
            assert versions.confirmed([SwitchMarker(epoch=epoch, version="blue")]) == set()
        assert len(read) == 1
        versions._reader.stop()  # the follower is behind, as it may be by its poll
        enter(settings, _switch(1, "blue"))
        marker = SwitchMarker(epoch=1, version="blue")
        assert versions.confirmed([marker, SwitchMarker(epoch=9, version="blue")]) == {(1, "blue")}
        assert len(read) == 2
    finally:
        versions.stop()


def test_a_worker_hears_of_switches(settings: Settings) -> None:
    """Lists follow the register; a marker is believed as soon as its switch is entered."""
    metrics = Metrics()
    versions = RegisteredVersion(of_version(settings, "blue"), partitions=PARTITIONS, metrics=metrics)
    marker = SwitchMarker(epoch=1, version="blue")
    versions.start()
    try:
        assert not versions.publishes()
        assert versions.confirmed([marker]) == set()
        enter(settings, _switch(1, "blue", cut=()))
        assert versions.confirmed([marker, SwitchMarker(epoch=2, version="blue")]) == {(1, "blue")}
        enter(settings, _switch(1, "blue"))
        until(versions.publishes)
        name = {"version": "blue"}
        assert metrics.registry.get_sample_value("nearline_publishes", name) == 1.0
        assert versions.waiting() == []
    finally:
        versions.stop()
    assert versions.registration.name == "blue"


def test_without_a_register_the_operator_is_told(embedded: EmbeddedCluster) -> None:
    """The topic is one of the table's."""
    versions = RegisteredVersion(
        Settings.load(brokers=embedded.bootstrap_servers), partitions=1, metrics=Metrics()
    )
    with pytest.raises(TopicError, match=topics.MODEL_VERSIONS) as caught:
        versions.start()
    assert "nearline topics apply" in caught.value.next_step


def test_a_shadow_makes_no_trending_lists() -> None:
    """The titles stage asks with every batch."""
    line, publishing = Line(), [False]
    signals = line.feed(watch("ada", "t1"), watch("bob", "t1", 1)).outputs[topics.SIGNALS, 0]
    step = TitlesStep(line.settings, 0, MemoryStore(), lambda: publishing[0])  # type: ignore[arg-type]
    batch = [record(one["value"]) for one in signals]
    assert (step(batch).outputs[topics.TRENDING, None], step.silent) == ([], True)
    publishing[0] = True
    assert len(step(batch).outputs[topics.TRENDING, None]) == 1


def _apply(settings: Settings, version: str, partition: int, offset: int) -> None:
    """Write an applied record as a version's worker does."""
    writer, topic = producer(settings), of_version(settings, version).topic(topics.VIEWER_STATE)
    writer.produce(topic, key=b"ada", value=b"a row", partition=partition)
    writer.produce(topic, key=APPLIED_KEY, value=pack_applied(offset), partition=partition)
    assert writer.flush(10) == 0


async def test_the_new_version_waits_for_the_old(settings: Settings) -> None:
    """A partition goes on when the other version has applied the marker there, and asks no more."""
    for name in ("1", "blue"):
        enter(settings, ModelVersion(name=name, fingerprint="f", epoch=0, registered_at_ms=AT))
    handover = Handover(of_version(settings, "blue"))
    assert await handover.passed(2)
    handover.wait_for(2, Predecessor("1", 41))
    assert not await handover.passed(2)
    _apply(settings, "1", 2, 40)
    assert not await handover.passed(2)
    assert await handover.passed(1)
    _apply(settings, "1", 2, 41)
    assert await handover.passed(2)
    assert applied_by(settings, "1", range(PARTITIONS)) == {0: -1, 1: -1, 2: 41, 3: -1}
    handover.wait_for(2, Predecessor("1", 99))
    handover.wait_for(2, None)
    assert await asyncio.wait_for(handover.passed(2), PATIENCE_S)


@pytest.mark.parametrize("former", ["1", "retired"])
async def test_nobody_waits_for_who_will_not_come(settings: Settings, former: str) -> None:
    """A version that never was, or is retired, is not waited for."""
    handover = Handover(of_version(settings, "blue"))
    handover.wait_for(0, Predecessor(former, 41))
    assert await handover.passed(0)


def test_entries_are_contracts() -> None:
    """What is on the topic is readable text."""
    assert encode(_switch(1, "blue")).startswith(b'{"epoch":1,"version":"blue"')
