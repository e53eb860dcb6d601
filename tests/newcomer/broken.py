"""Set-ups that are broken on purpose, and what `nearline doctor` says of each."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemas import Play, Title, topics
from schemas.codec import encode
from schemas.partitioner import partition_for
from streams.config.settings import Settings
from streams.kafka.clients import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
    admin,
    producer,
)
from streams.ops.runs.worker_process import free_port, make_topics
from tests.waiting import until

__all__ = ["BROKEN", "Broken", "Diagnosis", "diagnose"]

DAY_MS = 86_400_000


class Broken(NamedTuple):
    """One mistake."""

    name: str
    """What somebody did, in words."""
    check: str
    """Name of the check that finds it."""
    code: int
    """Exit code of the doctor: 1 where something does not work, 0 for a warning."""
    make: Callable[[Settings], Mapping[str, str]]
    """Breaks the installation, and returns the settings that lead there."""


class Diagnosis(NamedTuple):
    """What the doctor says of it."""

    status: str
    cause: str
    next_step: str


def broker_down(_: Settings) -> Mapping[str, str]:
    """Ask for a broker where none is."""
    return {"NEARLINE_BROKERS": f"127.0.0.1:{free_port()}"}


def topics_drifted(settings: Settings) -> Mapping[str, str]:
    """Let somebody make pages vanish after a day, and wait until the broker that answers knows it."""
    make_topics(settings)
    asked = ConfigResource(ResourceType.TOPIC, settings.topic(topics.HOME))
    resource = ConfigResource(
        ResourceType.TOPIC,
        settings.topic(topics.HOME),
        incremental_configs=[
            ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET),
            ConfigEntry("retention.ms", str(DAY_MS), incremental_operation=AlterConfigOpType.SET),
        ],
    )
    client = admin(settings)  # kept until it has answered
    client.incremental_alter_configs([resource])[resource].result(10)
    until(lambda: client.describe_configs([asked])[asked].result(10)["cleanup.policy"].value == "delete")
    return {}


def no_folder(_: Settings) -> Mapping[str, str]:
    """Give a state folder that cannot be made, not even by root."""
    return {"NEARLINE_STATE_DIR": "/dev/null/nearline"}


def catalogue_stale(settings: Settings) -> Mapping[str, str]:
    """Let the catalogue's owner have stopped two months ago."""
    make_topics(settings)
    then = time.time_ns() // 1_000_000 - 60 * DAY_MS
    _produce(settings, topics.CATALOG, b"t1", encode(Title(title_id="t1")), timestamp=then)
    return {}


def partitioner_wrong(settings: Settings) -> Mapping[str, str]:
    """Let a producer use another partitioner than Java's."""
    make_topics(settings)
    for n in range(20):
        viewer = f"v{n}"
        astray = (partition_for(viewer.encode(), 4) + n % 2) % 4  # every second one is right by chance
        _produce(settings, topics.EVENTS, viewer.encode(), _play(viewer), partition=astray)
    return {}


def clocks_apart(settings: Settings) -> Mapping[str, str]:
    """Let the clock that events are stamped by be two hours ahead."""
    make_topics(settings)
    _produce(settings, topics.EVENTS, b"ada", _play("ada", ahead_ms=2 * 3_600_000))
    return {}


BROKEN = (
    Broken("no broker at the address", "broker", 1, broker_down),
    Broken("somebody changed a topic", "topic table", 0, topics_drifted),
    Broken("the state folder cannot be written", "state folder", 1, no_folder),
    Broken("nobody feeds the catalogue any more", "catalog", 0, catalogue_stale),
    Broken("a producer partitions as librdkafka does by default", "partitioner", 1, partitioner_wrong),
    Broken("devices' clocks are two hours ahead", "clocks", 0, clocks_apart),
)


def diagnose(one: Broken, settings: Settings) -> Diagnosis:
    """Break an installation of its own, and return what the doctor says of the mistake.

    Parameters
    ----------
    one
        The mistake.
    settings
        A cluster, and a prefix that nobody else uses.
    """
    own = {"NEARLINE_BROKERS": settings.brokers, "NEARLINE_TOPIC_PREFIX": settings.topic_prefix}
    done = subprocess.run(
        [sys.executable, "-m", "streams", "doctor", "--json", "-"],
        env=os.environ | own | one.make(settings),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == one.code, done.stdout + done.stderr
    checks: list[dict[str, Any]] = json.loads(done.stdout)["checks"]
    (found,) = [check for check in checks if check["name"] == one.check]
    return Diagnosis(found["status"], found["cause"], found["next_step"])


def _play(viewer: str, *, ahead_ms: int = 0) -> bytes:
    now = time.time_ns() // 1_000_000 + ahead_ms
    return encode(Play(event_id=f"{viewer}-{now}", viewer_id=viewer, event_time_ms=now, title_id="t1"))


def _produce(settings: Settings, topic: str, key: bytes, value: bytes, **more: int) -> None:
    client = producer(settings)
    client.produce(settings.topic(topic), value, key, **more)
    assert client.flush(10) == 0
