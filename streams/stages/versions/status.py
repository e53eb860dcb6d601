"""Status of a worker's model version: its entry in the register, and whether it publishes.

A version that does not publish is a *shadow*: it learns all events, and makes no page, no trending list and
no dead letter. For home pages the markers in the log decide, event by event
(:mod:`streams.stages.versions.cutover`); trending lists, where the newest replaces all others, follow the
register.
"""

from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Protocol

import structlog
from msgspec import to_builtins

from schemas import topics
from schemas.versions import FIRST_VERSION, ModelVersion, SwitchMarker
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.engine.changelog import RESTORER, ends
from streams.engine.table_reader import TableReader
from streams.engine.table_records import TableRecords, UnusableRecords
from streams.errors import ModelChangedError
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import Consumer, Message
from streams.stages.versions.register import Register, enter, read_register
from streams.telemetry.metrics import Metrics

__all__ = ["RegisteredVersion", "SingleVersion", "VersionStatus", "registered"]

_LOG = structlog.get_logger(__name__)

POLL_S = 0.2
"""Longest wait for a change of the register: trending lists, ten a second, depend on it."""


class VersionStatus(Protocol):
    """What a stage needs to know about its version."""

    @property
    def registration(self) -> ModelVersion:
        """The version's entry in the register."""

    def publishes(self) -> bool:
        """Return whether the version publishes at the end of the log."""

    def confirmed(self, markers: Iterable[SwitchMarker]) -> set[tuple[int, str]]:
        """Return number and version of the switches that are in the register; may ask the broker."""


class SingleVersion:
    """Status of a version that is alone and always publishes: a replay in one process.

    Examples
    --------
    >>> SingleVersion().publishes(), SingleVersion().confirmed([SwitchMarker(epoch=1, version="blue")])
    (True, set())
    """

    registration: ModelVersion = ModelVersion(
        name=FIRST_VERSION, fingerprint="-", epoch=0, registered_at_ms=10**12
    )

    def publishes(self) -> bool:
        """Return true."""
        return True

    def confirmed(self, markers: Iterable[SwitchMarker]) -> set[tuple[int, str]]:  # noqa: ARG002
        """Return none: there is no register."""
        return set()


class RegisteredVersion:
    """Status of a worker's version out of the register; a companion of the worker, started before the others.

    Parameters
    ----------
    settings
        Cluster, version, model.
    partitions
        Of the register's topic.
    metrics
        Show whether this version publishes.
    unusable
        Receives records that cannot be used. Default: one of its own.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        partitions: int,
        metrics: Metrics,
        unusable: UnusableRecords | None = None,
    ) -> None:
        self._settings = settings
        self._register = Register()
        self._partitions, self._lock = partitions, Lock()
        self._consumer: Consumer | None = None
        self._read_to: dict[int, int] = {}
        self._read = Register()
        self._registration: ModelVersion | None = None
        self._reader = TableReader(
            settings,
            settings.topic(topics.MODEL_VERSIONS),
            range(partitions),
            TableRecords(topics.MODEL_VERSIONS, self._take, unusable or UnusableRecords(metrics)),
            wait_s=POLL_S,
        )
        metrics.publishes.labels(settings.model_version).set_function(self.publishes)

    def start(self) -> None:
        """Find or make this version's entry, and start to follow the register.

        Raises
        ------
        ModelChangedError
            The version was learned under another configuration.
        """
        self._register = read_register(self._settings)
        self._registration = registered(self._settings, self._register)
        self._reader.start()
        _LOG.info("version", **to_builtins(self._registration))
        if not self.publishes():
            version, live = self._settings.model_version, self._register.live
            advice = f"`nearline model switch {version}` once it has caught up"
            _LOG.info("shadow", version=version, live=live, next=advice)

    def stop(self) -> None:
        """Stop following the register."""
        self._reader.stop()
        if self._consumer is not None:
            self._consumer.close()

    def waiting(self) -> list[str]:
        """Return what the worker waits for: nothing, the register was read before it started."""
        return []

    @property
    def registration(self) -> ModelVersion:
        """The version's entry; set by `start`."""
        if self._registration is None:
            msg = "start() comes first"
            raise RuntimeError(msg)
        return self._registration

    def publishes(self) -> bool:
        """Return whether this version publishes at the end of the log, by the newest entry that was read."""
        return self._register.live == self._settings.model_version

    def confirmed(self, markers: Iterable[SwitchMarker]) -> set[tuple[int, str]]:
        """Return the switches that are in the register; it is read again if one is unknown.

        A switch is entered before its markers are written, so a marker without an entry is a forgery. Whoever
        may write events may forge one in each batch: the register is read again only if it has grown, and
        whether it has is one request of a client that stays.
        """
        wanted = {(marker.epoch, marker.version) for marker in markers}
        known = wanted & self._register.switches.keys()
        return known if known == wanted else wanted & self._whole_register().switches.keys()

    def _whole_register(self) -> Register:
        """Return the register as it is at the time of the call."""
        with self._lock:
            if self._consumer is None:
                self._consumer = kafka_clients.consumer(self._settings, RESTORER)
            name = self._settings.topic(topics.MODEL_VERSIONS)
            now = {p: ends(self._consumer, name, p)[1] for p in range(self._partitions)}
            if now != self._read_to:  # first the ends, then the records: what is read may only be more
                self._read, self._read_to = read_register(self._settings), now
            return self._read

    def _take(self, messages: Sequence[Message]) -> None:
        self._register.take(messages)


def registered(settings: Settings, register: Register, starts: tuple[int, ...] = ()) -> ModelVersion:
    """Return the entry of the settings' version; it is written where there is none.

    Parameters
    ----------
    settings
        Cluster, version, model.
    register
        As it was read; a new entry is added.
    starts
        Offsets from which a new version learns, by partition; empty for the beginning.

    Raises
    ------
    ModelChangedError
        The version was learned under another configuration.
    """
    name, fingerprint = settings.model_version, settings.model.fingerprint()
    entry = register.versions.get(name)
    if entry is None:
        entry = ModelVersion(
            name=name,
            fingerprint=fingerprint,
            epoch=register.epoch,
            live=register.live,
            registered_at_ms=now_ms(),
            starts=starts,
            seq_base=max((known.seq_base for known in register.versions.values()), default=0),
        )
        enter(settings, entry)
        register.versions[name] = entry
    if entry.fingerprint != fingerprint:
        what = f"version {name} of the model was learned under another configuration"
        why = f"its fingerprint is {entry.fingerprint}, that of the settings is {fingerprint}"
        advice = (
            "learn the new configuration as a version of its own: set "
            "NEARLINE_MODEL_VERSION=NAME, see `nearline model --help`; or go on with what was learned: "
            "`nearline model accept`"
        )
        raise ModelChangedError(what, why=why, next_step=advice)
    return entry
