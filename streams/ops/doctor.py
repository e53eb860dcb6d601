"""The checks of `nearline doctor`: settings, local state, this machine's services, and the cluster.

A check is a function from an `Installation` to a `Finding`. It looks at one thing, changes nothing, and its
errors become findings. Local databases are read while a worker may be using them.
"""

import fcntl
import os
import shutil
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from online_models import shipped_kernels
from schemas import DecodeError, topics
from schemas.codec import check_title_key, decode_dead_letter, decode_event, decode_title
from schemas.partitioner import partition_for
from schemas.versions import MARKER_KEY
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.engine.changelog import ends
from streams.engine.definitions import DefinitionKind
from streams.engine.state import is_marked
from streams.errors import BrokerError, JavaMissingError, StateError, StreamError
from streams.kafka import scan as topic_scan
from streams.kafka.clients import (
    ConfigResource,
    Consumer,
    KafkaException,
    Message,
    ResourceType,
    TopicPartition,
    admin,
    consumer,
    offset_span,
)
from streams.kafka.schema_registry import ToJson, json_values
from streams.kafka.topics import MISSING, TopicAdmin, is_embedded
from streams.ops.local_kafka.java import find_java, folder_of_jars
from streams.ops.overview import fetch, processes_of
from streams.ops.state.local import StateLocation, places, reading
from streams.stages.experiments.definitions import EXPERIMENTS
from streams.stages.rules import RULES
from streams.stages.versions.register import Register
from streams.telemetry.exposition import Exposition

__all__ = [
    "CLUSTER_CHECKS",
    "MACHINE_CHECKS",
    "Check",
    "Finding",
    "Installation",
    "Status",
    "examine",
    "name_of",
]

SAMPLE = 2_000
"""Newest events that are read: about a second of traffic; a wrong partitioner shows in a dozen."""
LEAST_FREE = 1_000_000_000
"""Bytes of free disk below which a check warns: the state of a million viewers at 1 kB each."""
HTTP_TIMEOUT_S = 3.0
"""Longest wait for the answer of a worker or a server."""
STILL_S = 30.0
"""Seconds without progress, with pending work, from which a check fails: half of the watchdog's limit."""
BODY_BYTES = 500
"""Bytes of a worker's answer that are shown."""
HTTP_OK, HTTP_UNAVAILABLE = 200, 503
MOST_LAG = 10_000
"""Records of lag above which a check warns: about a second of work."""
ASTRAY_SHARE = 0.01
"""Share of events without key or in wrong partitions from which a check fails, if it is more than one event.
A wrong partitioner misplaces 3 of 4 with four partitions; a record sent by hand is no broken producer."""
SKEW_MS = 60_000
"""A clock difference of more than a minute is an error and not a delay."""
STALE_MS = 30 * 86_400_000
"""A catalog without a change for a month is taken for one that is no longer produced."""
RECENT_MS = 86_400_000
"""Dead letters of the last day are reported."""
DEAD_LETTERS = 1_000
"""Newest dead letters that are read."""
SHOWN = 3
"""Unusable records that are named; dead letters name all."""


class Status(StrEnum):
    """Result of a check."""

    OK = "ok"
    WARN = "warn"
    """It works, but perhaps not for long or not as intended."""
    FAIL = "fail"
    """It does not work: exit code 1."""
    UNKNOWN = "unknown"
    """The check could not be made here; this is no failure."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check, with its cause and the next step."""

    status: Status
    cause: str
    """What was found, in one sentence."""
    next_step: str = ""
    """What to do now; empty if there is nothing to do."""
    name: str = ""
    """Name of the check."""


@dataclass
class Installation:
    """The installation under examination; data that several checks need is fetched once."""

    settings: Settings
    now_ms: int = field(default_factory=now_ms)
    sample: int = SAMPLE

    @cached_property
    def metadata(self) -> Any:  # noqa: ANN401 - the driver does not export this type
        """The cluster's metadata of itself and its topics."""
        return topic_scan.metadata(self.settings)

    @property
    def metrics_address(self) -> str:
        """URL of the metrics of the worker on this machine."""
        return f"http://{self.settings.http_host}:{self.settings.http_port}/metrics"

    @cached_property
    def worker_metrics(self) -> Exposition | None:
        """These metrics; None if nothing answers."""
        return fetch(self.metrics_address) if self.settings.http_port else None

    @cached_property
    def newest_events(self) -> list[Message]:
        """The newest records of the events' topic over all partitions, without the markers of switches."""
        found = topic_scan.tail(self.settings, topics.EVENTS, self.sample)
        return [message for message in found if message.key() != MARKER_KEY]

    @cached_property
    def catalog(self) -> dict[bytes, Message]:
        """The newest record of every title of the catalog, tombstones included."""
        return self.newest(topics.CATALOG)

    def newest(self, topic: str) -> dict[bytes, Message]:
        """Return the newest record of every key of a topic, tombstones included."""
        return topic_scan.read_latest(self.settings, topic, range(self.partitions(topic)))

    def partitions(self, topic: str) -> int:
        """Return the number of partitions of a topic, 0 if it does not exist."""
        found = self.metadata.topics.get(self.settings.topic(topic))
        return 0 if found is None else len(found.partitions)


Check = Callable[[Installation], Finding]
"""Examines one thing. The function's name is the name of the check."""


def examine(installation: Installation, checks: Iterable[Check]) -> list[Finding]:
    """Make every check; one that raises is unknown, with the error as its cause.

    Examples
    --------
    >>> def all_well(installation):
    ...     return Finding(Status.OK, "as it should be")
    >>> def no_answer(installation):
    ...     raise StreamError("the disk does not answer", next_step="replace it")
    >>> for found in examine(Installation(Settings()), [all_well, no_answer]):
    ...     print(found.name, found.status.value, found.cause, "|", found.next_step)
    all well ok as it should be |
    no answer unknown the disk does not answer | replace it
    """
    return [replace(_result(check, installation), name=name_of(check)) for check in checks]


def name_of(check: Check) -> str:
    """Return a check's name."""
    return check.__name__.replace("_", " ")


def _result(check: Check, installation: Installation) -> Finding:
    try:
        return check(installation)
    except StreamError as error:
        return Finding(Status.UNKNOWN, error.what, error.next_step)
    except KafkaException as error:
        return Finding(Status.UNKNOWN, error.args[0].str(), "see the broker's log")


# Checks of this machine


def settings(installation: Installation) -> Finding:
    """Report the settings; with invalid ones the command ends before this check."""
    chosen = installation.settings
    return Finding(Status.OK, f"group {chosen.group}, prefix {chosen.topic_prefix or 'none'}")


def state_folder(installation: Installation) -> Finding:
    """Check that the folder of the databases is writable and has space, and report who uses it."""
    folder = installation.settings.state_dir
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    step = "correct its owner, or choose another folder (NEARLINE_STATE_DIR)"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding(Status.FAIL, f"{there} is not writable", step)
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE:
        cause = f"{free / 1e6:.0f} MB are free at {folder}"
        return Finding(Status.WARN, cause, "free some space, or choose another disk (NEARLINE_STATE_DIR)")
    if _is_locked(folder / "LOCK"):
        return Finding(Status.OK, f"{folder} is in use by a running worker")
    state = "is not in use" if folder.exists() else "is created by the first worker"
    return Finding(Status.OK, f"{folder} {state}; {free / 1e9:.0f} GB free")


def databases(installation: Installation) -> Finding:
    """Open every local database; `nearline state verify` also reads the rows."""
    try:
        found = places(installation.settings)
    except StateError:
        return Finding(Status.OK, "none on this machine yet")
    broken = {str(place): why for place in found if (why := _damage(place))}
    if not broken:
        return Finding(Status.OK, f"{len(found)} are readable; `nearline state verify` checks every row")
    name, why = next(iter(broken.items()))
    cause = f"{len(broken)} of {len(found)} are not usable; {name}: {why}"
    step = "start the worker: it deletes damaged databases and rebuilds them; then check the disk for errors"
    return Finding(Status.FAIL, cause, step)


def kernels(_: Installation) -> Finding:
    """Say which compiled kernels are used, and why not those of the wheel."""
    used = shipped_kernels.decided()
    if used.folder is not None:
        return Finding(Status.OK, used.cause)
    if not shipped_kernels.FOLDER.exists():
        return Finding(Status.OK, f"those compiled on this machine: {used.cause}")
    step = "run `python -m online_models.compile`, or the first start compiles for one to three minutes"
    return Finding(Status.WARN, used.cause, step)


def worker(installation: Installation) -> Finding:
    """Ask the worker on this machine whether it is ready."""
    address = f"http://{installation.settings.http_host}:{installation.settings.http_port}/readyz"
    if not installation.settings.http_port:
        return Finding(Status.UNKNOWN, "its port is chosen at every start (NEARLINE_HTTP_PORT=0)")
    try:
        with urllib.request.urlopen(address, timeout=HTTP_TIMEOUT_S) as answer:
            status, body = answer.status, ""
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read(BODY_BYTES).decode(errors="replace").strip().replace("\n", "; ")
    except OSError as error:
        cause = f"nothing answers at {address}: {getattr(error, 'reason', error)}"
        return Finding(
            Status.WARN, cause, "run `nearline worker`, or set NEARLINE_HTTP_PORT to the worker's port"
        )
    if status == HTTP_OK:
        return Finding(Status.OK, f"{address} answers: ready")
    if status == HTTP_UNAVAILABLE:
        return Finding(Status.WARN, f"{address} answers: {body}", "wait, then ask again to see its progress")
    cause = f"{address} answers {status}: another program listens there"
    return Finding(Status.WARN, cause, "choose another port for the worker (NEARLINE_HTTP_PORT)")


def metrics(installation: Installation) -> Finding:
    """Read the worker's metrics as Prometheus does: whether it makes progress, and its version."""
    address, shown = installation.metrics_address, installation.worker_metrics
    if shown is None:
        return Finding(Status.UNKNOWN, f"no metrics at {address}")
    running, here = shown.by("nearline_build_info", "version"), version("nearline")
    if not running:
        cause = f"the metrics at {address} are not those of a worker"
        return Finding(Status.WARN, cause, "choose another port for the worker (NEARLINE_HTTP_PORT)")
    stalled = max(one.value("nearline_stalled_seconds") for one in shown.by_process().values())
    if stalled > STILL_S:
        cause = f"there is pending work, and no progress for {stalled:.0f} s"
        return Finding(
            Status.FAIL, cause, "read the worker's log; the watchdog ends the worker, start it again"
        )
    if here not in running:
        cause = f"the worker is nearline {', '.join(running)}, this command is {here}"
        return Finding(Status.WARN, cause, "restart the worker, or use the command of its version")
    processes = processes_of(shown)
    several = f" in {processes} processes" if processes > 1 else ""
    return Finding(Status.OK, f"{address} shows a running nearline {here}{several}")


def server(installation: Installation) -> Finding:
    """Ask the HTTP server on this machine whether it is ready; not every machine has one."""
    serve = installation.settings.serve
    address = f"http://{serve.host}:{serve.port}/readyz"
    if not serve.port:
        return Finding(Status.UNKNOWN, "its port is chosen at every start (NEARLINE_SERVE__PORT=0)")
    try:
        with urllib.request.urlopen(address, timeout=HTTP_TIMEOUT_S):
            return Finding(Status.OK, f"{address} answers: ready")
    except urllib.error.HTTPError as error:
        wait, other = "wait, then ask again to see its progress", "find out which program listens there"
        step = wait if error.code == HTTP_UNAVAILABLE else other
        return Finding(Status.WARN, f"{address} answers {error.code}", step)
    except OSError:
        return Finding(
            Status.UNKNOWN, f"nothing answers at {address}; to read over HTTP run `nearline serve`"
        )


def local_broker(installation: Installation) -> Finding:
    """Check that `nearline kafka start` can run: Java, and Maven or the jars of an earlier start."""
    only = "only `nearline kafka start` needs it; the embedded broker does not"
    try:
        java = find_java()
    except JavaMissingError as error:
        return Finding(Status.WARN, f"{error.what}: {error.why}", f"{error.next_step}; {only}")
    if folder_of_jars(installation.settings.cache_dir).is_dir():
        return Finding(Status.OK, f"{java}; the broker's jars are on this machine")
    if shutil.which("mvn") is None:
        return Finding(Status.WARN, "there is no `mvn` to fetch the broker's jars", f"install Maven; {only}")
    return Finding(Status.OK, f"{java}; Maven fetches the broker's jars at the first start")


MACHINE_CHECKS = (settings, state_folder, databases, kernels, worker, metrics, server, local_broker)
"""Checks that need no cluster, in the order in which they are shown."""


def _is_locked(file: Path) -> bool:
    """Whether a worker holds the folder's lock; does not take the lock and creates no file."""
    try:
        with file.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _damage(place: StateLocation) -> str:
    """Return why a database is not usable; empty if it is."""
    if is_marked(place.folder):
        return "marked as damaged by a worker"
    try:
        with reading(place):
            return ""
    except StateError as error:
        return error.what


# Checks of the cluster


def broker(installation: Installation) -> Finding:
    """Report whether a cluster answers, which one, and its version."""
    try:
        found = installation.metadata
    except BrokerError as error:
        return Finding(Status.FAIL, f"{error.what}: {error.why}", error.next_step)
    what = f"{len(found.brokers)} broker(s) at {installation.settings.brokers}, cluster {found.cluster_id}"
    if is_embedded(found):
        return Finding(Status.OK, f"{what}: embedded, without persistence and isolation")
    resource = ConfigResource(ResourceType.BROKER, str(next(iter(found.brokers))))
    client = admin(installation.settings)  # bound to a name: its pending requests are dropped with it
    answer = client.describe_configs([resource])[resource].result(topic_scan.TIMEOUT_S)
    what = f"{what}, {_version(answer)}"
    entry = answer.get("auto.create.topics.enable")
    if entry is not None and entry.value == "true":
        cause = (
            f"{what}; it creates topics automatically, so a misspelt name becomes a topic of the wrong shape"
        )
        return Finding(Status.WARN, cause, "set auto.create.topics.enable=false on the brokers")
    return Finding(Status.OK, what)


def topic_table(installation: Installation) -> Finding:
    """Compare the cluster's topics with the topic table."""
    partitions = installation.partitions(topics.EVENTS) or 4
    wanted = installation.settings.topic_table(partitions=partitions)
    found = TopicAdmin(installation.settings, wanted.values()).check()
    missing = [difference.topic for difference in found if difference.found == MISSING]
    advice = "run `nearline topics apply`; `nearline topics check` shows every difference"
    if missing:
        return Finding(Status.FAIL, f"missing: {', '.join(missing)}", advice)
    if found:
        first = found[0]
        one = f"{first.what} of {first.topic} is {first.found}, not {first.wanted}"
        return Finding(Status.WARN, f"{len(found)} difference(s); {one}", advice)
    return Finding(Status.OK, f"{len(wanted)} topics match the table")


def partitioner(installation: Installation) -> Finding:
    """Find events that are not in the partition that Java's murmur2 gives their viewer."""
    partitions, seen = installation.partitions(topics.EVENTS), installation.newest_events
    if not seen:
        return Finding(Status.UNKNOWN, "there is no event yet")
    keys = [(message.key() or b"", message.partition()) for message in seen]
    keyless = sum(not key for key, _ in keys)
    astray = sum(bool(key) and partition_for(key, partitions) != place for key, place in keys)
    if keyless or astray:
        cause = f"of the newest {len(keys)} events {astray} are in a wrong partition, {keyless} have no key"
        step = "set partitioner=murmur2_random, key = viewer id in the producer; these are dead letters"
        many = keyless + astray > max(len(keys) * ASTRAY_SHARE, 1)
        return Finding(Status.FAIL if many else Status.WARN, cause, step)
    return Finding(Status.OK, f"the newest {len(keys)} events are in the partitions of murmur2")


def lag(installation: Installation) -> Finding:
    """Report the group's lag by its committed offsets."""
    chosen, partitions = installation.settings, installation.partitions(topics.EVENTS)
    name = chosen.topic(topics.EVENTS)
    reader = consumer(chosen, {"group.id": chosen.consumer_group})
    try:
        wanted = [TopicPartition(name, partition) for partition in range(partitions)]
        committed = reader.committed(wanted, timeout=topic_scan.TIMEOUT_S)
        behind = sum(_lag_of(reader, place) for place in committed)
    finally:
        reader.close()
    cause = f"group {chosen.consumer_group} is {behind} records behind"
    if all(place.offset < 0 for place in committed):
        cause = f"group {chosen.consumer_group} has committed no offset"
        shown = installation.worker_metrics
        lags = shown.by("nearline_consumer_lag_records", "partition", stage="viewers") if shown else {}
        if not lags:
            return Finding(Status.UNKNOWN, cause, "start a worker with `nearline worker`")
        behind = int(sum(lags.values()))
        cause = f"{cause} yet; the worker here is {behind} records behind"
    if behind > MOST_LAG:
        return Finding(Status.WARN, cause, "start another worker, up to one per partition, or read its log")
    return Finding(Status.OK, cause)


def clocks(installation: Installation) -> Finding:
    """Compare the clocks of this machine, of the producers and of the devices."""
    seen = installation.newest_events
    newest = max((message.timestamp()[1] for message in seen), default=0)
    if not newest:
        return Finding(Status.UNKNOWN, "there is no event yet")
    if newest - installation.now_ms > SKEW_MS:
        cause = f"the newest event was sent {(newest - installation.now_ms) / 1000:.0f} s from now"
        return Finding(Status.FAIL, cause, "set the clocks of the producers and of this machine (NTP)")
    to_json = json_values(installation.settings)
    ahead = sum(_ahead_ms(message.value(), message.timestamp()[1], to_json) > SKEW_MS for message in seen)
    if ahead:
        cause = f"{ahead} of the newest {len(seen)} events happened after they were sent"
        return Finding(Status.WARN, cause, "event_time_ms is UTC, in ms; check the clocks of the devices")
    age_s = max(0, installation.now_ms - newest) / 1000
    return Finding(Status.OK, f"the newest event was sent {age_s:.0f} s ago")


def catalog(installation: Installation) -> Finding:
    """Check that there are titles with guards, and that the catalog is still produced."""
    found = installation.catalog
    titles = [message for message in found.values() if message.value() is not None]
    if not titles:
        cause = "the catalog is empty: no maturity limits, no availability windows, no names"
        step = f"produce titles to {installation.settings.topic(topics.CATALOG)}"
        return Finding(Status.WARN, cause, step)
    newest = max(message.timestamp()[1] for message in found.values())
    cause = f"{len(titles)} titles, the newest of {datetime.fromtimestamp(newest / 1000, UTC):%Y-%m-%d}"
    if installation.now_ms - newest > STALE_MS:
        return Finding(Status.WARN, cause, "check that the catalog's owner still produces")
    return Finding(Status.OK, cause)


def unusable_records(installation: Installation) -> Finding:
    """Find records of the catalog, rules, experiments and versions that no worker can use."""
    found = []
    for topic, fault in _FAULTS.items():
        newest = installation.catalog if topic == topics.CATALOG else installation.newest(topic)
        for key, message in newest.items():
            if message.value() is not None and (why := fault(message)):
                place = f"{installation.settings.topic(topic)}-{message.partition()}@{message.offset()}"
                found.append(f"{key.decode(errors='replace')} ({place}): {why}")
    if not found:
        return Finding(Status.OK, "every record of the catalog, rules, experiments and versions can be used")
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    cause = f"{len(found)} cannot be used: {'; '.join(found[:SHOWN])}{more}"
    step = (
        "correct and send them again; until then the last usable record is in force, and a title that never "
        "had one is hidden"
    )
    return Finding(Status.FAIL, cause, step)


def dead_letters(installation: Installation) -> Finding:
    """Count the dead letters of the last day by reason."""
    reasons: Counter[str] = Counter()
    for message in topic_scan.tail(installation.settings, topics.DEAD_LETTERS, DEAD_LETTERS):
        if installation.now_ms - message.timestamp()[1] < RECENT_MS:
            reasons[_reason(message.value())] += 1
    if not reasons:
        return Finding(Status.OK, "none in the last day")
    counted = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    name = installation.settings.topic(topics.DEAD_LETTERS)
    step = f"read {name}: each record names its field and source offset"
    return Finding(Status.WARN, f"in the last day: {counted}", step)


def reach_of_the_log(installation: Installation) -> Finding:
    """Compare the applied offsets of the local state with the oldest offsets of the source topics."""
    try:
        found = places(installation.settings)
    except StateError:
        return Finding(Status.OK, "there is no local state")
    lost = 0
    reader = consumer(installation.settings, {"group.id": "nearline-doctor"})
    try:
        for place in found:
            with reading(place) as store:
                applied = store.applied
            low, _ = ends(reader, installation.settings.topic(place.kind.source), place.partition)
            lost += max(0, low - applied - 1) if applied >= 0 else 0
    finally:
        reader.close()
    if lost:
        cause = f"{lost} records were deleted before the state of this machine applied them"
        step = "another worker may have applied them; if none has, raise retention.ms of the source topics"
        return Finding(Status.WARN, cause, step)
    return Finding(Status.OK, f"the topics hold every record after the state of {len(found)} databases")


CLUSTER_CHECKS = (
    broker, topic_table, partitioner, lag, clocks, catalog, unusable_records, dead_letters, reach_of_the_log,
)  # fmt: skip
"""Checks that ask the cluster, in the order in which they are shown."""


def _definition_fault(kind: DefinitionKind[Any]) -> Callable[[Message], str]:
    return lambda message: "; ".join(kind.faults(kind.decode(message.value())))


def _title_fault(message: Message) -> str:
    check_title_key(decode_title(message.value()), message.key())
    return ""


def _version_fault(message: Message) -> str:
    Register().take([message])
    return ""


def _explained(fault: Callable[[Message], str]) -> Callable[[Message], str]:
    """Return a check of a record that returns its error instead of raising it."""

    def explained(message: Message) -> str:
        try:
            return fault(message)
        except DecodeError as error:
            return str(error)

    return explained


_FAULTS: Mapping[str, Callable[[Message], str]] = {
    topics.CATALOG: _explained(_title_fault),
    topics.RULES: _explained(_definition_fault(RULES)),
    topics.EXPERIMENTS: _explained(_definition_fault(EXPERIMENTS)),
    topics.MODEL_VERSIONS: _explained(_version_fault),
}
"""By topic, what says why a record cannot be used, "" if it can."""


def _version(config: Mapping[str, Any]) -> str:
    """Infer the version from a broker's properties: the protocol has none, and Kafka 4 removed this one."""
    spoken = config.get("inter.broker.protocol.version")
    return f"Kafka {spoken.value}" if spoken is not None else "Kafka 4.0 or newer"


def _lag_of(reader: Consumer, place: TopicPartition) -> int:
    low, high = offset_span(reader, place, timeout_s=topic_scan.TIMEOUT_S)
    return max(0, high - max(low, place.offset))


def _ahead_ms(value: bytes | None, sent_ms: int, to_json: ToJson) -> int:
    """Return by how much an event's own time is ahead of its record's timestamp."""
    try:
        return decode_event(to_json(value)).event_time_ms - sent_ms
    except DecodeError:
        return 0


def _reason(value: bytes | None) -> str:
    try:
        return decode_dead_letter(value).reason.value
    except DecodeError:
        return "unreadable"
