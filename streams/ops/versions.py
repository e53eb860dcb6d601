"""List, switch, accept and retire versions of the model: `nearline model`."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from msgspec.structs import replace

from schemas import topics
from schemas.codec import encode
from schemas.versions import FIRST_VERSION, MARKER_KEY, ModelSwitch, SwitchMarker
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.errors import DeliveryError, VersionError
from streams.kafka import clients as kafka_clients
from streams.kafka import scan as topic_scan
from streams.kafka.clients import KafkaError, KafkaException
from streams.stages.versions.handover import applied_by
from streams.stages.versions.register import Register, enter, read_register, remove

__all__ = ["VersionReport", "accept", "await_cut", "members", "reports", "retire", "switch"]

TIMEOUT_S = 30.0
"""Longest wait for one answer of the cluster."""
LOOK_S = 0.2
"""Wait between two reads of the applied offsets."""


@dataclass(frozen=True, slots=True)
class VersionReport:
    """One version, from the cluster."""

    version: str
    fingerprint: str
    role: str
    """live or shadow."""
    workers: int
    """Members of its consumer group."""
    applied: list[int]
    """Last applied offset of the events by partition; -1: none."""
    lag: int
    """Events that are not applied yet."""

    def document(self) -> dict[str, Any]:
        """Return it under its JSON keys."""
        return asdict(self)


def of_version(settings: Settings, version: str) -> Settings:
    """Return the settings of another version."""
    return settings.model_copy(update={"model_version": version})


def reports(settings: Settings) -> list[VersionReport]:
    """Return a report of every registered version, the live one first.

    Raises
    ------
    TopicError
        There is no register, or no topic of events.
    """
    register = read_register(settings)
    found = [_report(settings, register, name) for name in register.versions]
    return sorted(found, key=lambda one: (one.role != "live", one.version))


def _report(settings: Settings, register: Register, name: str) -> VersionReport:
    theirs, entry = of_version(settings, name), register.versions[name]
    spans = topic_scan.spans(settings, topics.EVENTS)
    applied = applied_by(settings, name, list(spans)) or dict.fromkeys(spans, -1)
    starts = dict(enumerate(entry.starts))
    lag = sum(max(high - max(applied[p] + 1, low, starts.get(p, 0)), 0) for p, (low, high) in spans.items())
    role = "live" if register.live == name else "shadow"
    return VersionReport(name, entry.fingerprint, role, members(theirs), list(applied.values()), lag)


def members(settings: Settings) -> int:
    """Return the number of members of the settings' group; 0 where that is unknown."""
    client, group = kafka_clients.admin(settings), settings.consumer_group
    try:
        found = client.describe_consumer_groups([group], request_timeout=TIMEOUT_S)[group].result(TIMEOUT_S)
    except KafkaException:
        return 0
    return len(found.members)


def switch(settings: Settings, version: str, *, max_lag: int) -> ModelSwitch:
    """Make another version live, and write the markers at which it takes over into the log.

    Parameters
    ----------
    settings
        Cluster and prefix.
    version
        The version that publishes from now on.
    max_lag
        Largest lag of the old and the new version: pages of the new one wait for both.

    Returns
    -------
    ModelSwitch
        With its cut.

    Raises
    ------
    VersionError
        There is no such version, it is live, lags too much, or has no workers.
    DeliveryError
        The broker rejected a marker: repeat the switch; the markers in the log remain valid.
    """
    register = read_register(settings)
    _require_switchable(settings, register, version, max_lag)
    decided = ModelSwitch(epoch=register.epoch + 1, version=version, at_ms=now_ms())
    enter(settings, decided)
    done = replace(decided, cut=_marked(settings, decided))
    enter(settings, done)
    return done


def _require_switchable(settings: Settings, register: Register, version: str, max_lag: int) -> None:
    """Refuse a switch that would leave viewers without pages."""
    if version not in register.versions:
        what = f"there is no version {version} of the model"
        known = ", ".join(sorted(register.versions)) or "none"
        advice = f"start its workers with NEARLINE_MODEL_VERSION={version}; `nearline replay --from-topic`"
        raise VersionError(what, why=f"registered: {known}", next_step=advice)
    newest = max(register.switches.values(), key=lambda one: (one.epoch, one.at_ms), default=None)
    unfinished = newest is not None and not newest.cut
    if newest is not None and unfinished and newest.version != version:
        what = f"the switch to version {newest.version} was not finished"
        advice = f"finish it with `nearline model switch {newest.version}`, then switch to {version}"
        raise VersionError(what, why="the command was ended between two partitions", next_step=advice)
    if register.live == version and not unfinished:
        what = f"version {version} is live already"
        raise VersionError(what, next_step="see `nearline model list`")
    for name in {version, register.live} & register.versions.keys():
        _require_at_work(_report(settings, register, name), max_lag)


def _require_at_work(report: VersionReport, max_lag: int) -> None:
    env = "" if report.version == FIRST_VERSION else f"NEARLINE_MODEL_VERSION={report.version} "
    if not report.workers:
        what = f"version {report.version} has no workers"
        why = "the new version publishes when both have reached the switch"
        raise VersionError(what, why=why, next_step=f"start `{env}nearline worker`")
    if report.lag > max_lag:
        what = f"version {report.version} is {report.lag} events behind"
        why = f"at most {max_lag} are allowed: viewers would wait for their pages"
        advice = "wait until it has caught up (`nearline model list`), or raise --max-lag"
        raise VersionError(what, why=why, next_step=advice)


def _marked(settings: Settings, decided: ModelSwitch) -> tuple[int, ...]:
    """Append a marker to every partition of the events; return the offsets."""
    count, name = topic_scan.partitions_of(settings, topics.EVENTS), settings.topic(topics.EVENTS)
    value = encode(SwitchMarker(epoch=decided.epoch, version=decided.version))
    found: dict[int, int] = {}
    failures: list[str] = []

    def on_delivery(error: KafkaError | None, message: kafka_clients.Message) -> None:
        if error is None:
            found[message.partition() or 0] = message.offset() or 0
        else:
            failures.append(error.str())

    producer = kafka_clients.producer(settings)
    for partition in range(count):
        producer.produce(name, key=MARKER_KEY, value=value, partition=partition, on_delivery=on_delivery)
    producer.flush(TIMEOUT_S)
    if len(found) < count:
        what = f"only {len(found)} of {count} partitions of {name} have the marker"
        advice = f"repeat `nearline model switch {decided.version}`"
        raise DeliveryError(what, why="; ".join(sorted(set(failures))), next_step=advice)
    return tuple(found[partition] for partition in range(count))


def await_cut(
    settings: Settings,
    names: Collection[str],
    cut: Sequence[int],
    *,
    timeout_s: float,
    show: Callable[[int], None],
) -> bool:
    """Wait until versions have reached a cut in every partition; `show` is called with the number left.

    Returns
    -------
    bool
        Whether all have reached it in time.
    """
    deadline = time.monotonic() + timeout_s
    while left := sum(len(_behind(settings, name, cut)) for name in names):
        show(left)
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_S)
    return True


def _behind(settings: Settings, name: str, cut: Sequence[int]) -> list[int]:
    """Return the partitions in which a version has not reached a cut; none if it has no state."""
    applied = applied_by(settings, name, range(len(cut))) or {}
    return [partition for partition, offset in applied.items() if offset < cut[partition]]


def accept(settings: Settings) -> str:
    """Let a version continue with the settings' configuration; return its previous fingerprint.

    Raises
    ------
    VersionError
        There is no such version.
    """
    entry = read_register(settings).versions.get(settings.model_version)
    if entry is None:
        what = f"there is no version {settings.model_version} of the model"
        raise VersionError(what, next_step="see `nearline model list`")
    enter(settings, replace(entry, fingerprint=settings.model.fingerprint()))
    return entry.fingerprint


def retire(settings: Settings, version: str) -> list[str]:
    """Delete the topics and the group of a version; return the deleted topics.

    Raises
    ------
    VersionError
        There is no such version, it is live, has workers, or has not published all pages before its last
        switch.
    TopicError
        The cluster rejected it.
    """
    register, theirs = read_register(settings), of_version(settings, version)
    _require_retirable(settings, register, version)
    there = topic_scan.metadata(settings).topics
    names = [name for name in map(theirs.topic, topics.PER_VERSION) if name in there]
    client = kafka_clients.admin(settings)
    for future in client.delete_topics(names, request_timeout=TIMEOUT_S).values() if names else ():
        future.result(TIMEOUT_S)
    group = theirs.consumer_group
    try:
        client.delete_consumer_groups([group], request_timeout=TIMEOUT_S)[group].result(TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise
    remove(settings, version)
    return names


def _require_retirable(settings: Settings, register: Register, version: str) -> None:
    if version not in register.versions:
        what = f"there is no version {version} of the model"
        raise VersionError(what, next_step="see `nearline model list`")
    if register.live == version:
        what = f"version {version} is live"
        raise VersionError(what, next_step="switch to another with `nearline model switch` first")
    if members(of_version(settings, version)):
        what = f"version {version} has workers"
        raise VersionError(what, next_step="stop them, wait for the session timeout, then repeat")
    successor = register.succeeded(version)
    behind = _behind(settings, version, successor.cut) if successor else []
    if behind:
        where = ", ".join(map(str, behind))
        what = f"version {version} has not reached the switch away from it in partition(s) {where}"
        advice = "start its workers until `nearline model list` shows them past the cut"
        raise VersionError(what, why="its last pages are not published yet", next_step=advice)
