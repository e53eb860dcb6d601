"""The register of model versions and switches: the compacted topic ``model.versions.v1``.

A version is entered before it learns its first event. A switch is entered before its markers are written
among the events (reason: :mod:`streams.stages.versions.cutover`), and again with the markers' offsets.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas import topics
from schemas.codec import decode_model_switch, decode_model_version, encode
from schemas.versions import FIRST_VERSION, ModelSwitch, ModelVersion
from streams.config.settings import Settings
from streams.engine.table_records import take_each
from streams.kafka import scan as topic_scan
from streams.kafka.clients import Message
from streams.kafka.produce import put

__all__ = ["Register", "enter", "read_register", "remove"]

_VERSION, _SWITCH = b"version:", b"switch:"


@dataclass(slots=True)
class Register:
    """The content of the topic.

    Examples
    --------
    >>> register = Register()
    >>> register.live, register.epoch
    ('1', 0)
    >>> blue = ModelSwitch(epoch=1, version="blue", at_ms=1_700_000_000_000, cut=(41, 40))
    >>> register.switches[1, "blue"] = blue
    >>> register.live, register.epoch
    ('blue', 1)
    """

    versions: dict[str, ModelVersion] = field(default_factory=dict)
    switches: dict[tuple[int, str], ModelSwitch] = field(default_factory=dict)
    """By number and version: two operators at the same time may choose the same number."""

    @property
    def epoch(self) -> int:
        """Return the number of the newest switch, 0 before the first."""
        return max((epoch for epoch, _ in self.switches), default=0)

    @property
    def last_switch(self) -> ModelSwitch | None:
        """Return the newest switch whose markers are all written; None before the first."""
        done = [switch for switch in self.switches.values() if switch.cut]
        return max(done, key=lambda switch: (switch.epoch, switch.at_ms), default=None)

    @property
    def live(self) -> str:
        """Return the version that publishes at the end of the log."""
        last = self.last_switch
        return last.version if last else FIRST_VERSION

    def succeeded(self, name: str) -> ModelSwitch | None:
        """Return the newest switch away from a version; None where it never published, or still publishes."""
        live, away = FIRST_VERSION, None
        for switch in sorted(self.switches.values(), key=lambda one: (one.epoch, one.at_ms)):
            if switch.cut and switch.version != live:
                away = switch if live == name else away
                live = switch.version
        return None if live == name else away

    def take(self, messages: Iterable[Message]) -> None:
        """Apply records, oldest first; raises `DecodeError` on one that cannot be read."""
        for message in messages:
            self._take(message.key() or b"", message.value())

    def _take(self, key: bytes, value: bytes | None) -> None:
        if key.startswith(_VERSION) and value is None:
            self.versions.pop(key.removeprefix(_VERSION).decode(errors="replace"), None)
        elif key.startswith(_VERSION):
            version = decode_model_version(value)
            self.versions[version.name] = version
        elif key.startswith(_SWITCH):
            switch = decode_model_switch(value)
            self.switches[switch.epoch, switch.version] = switch


def read_register(settings: Settings) -> Register:
    """Read the topic to its end: everything entered before the call is there, but for unreadable records.

    Raises
    ------
    TopicError
        There is no such topic.
    BrokerUnreachableError
        The broker does not answer.
    """
    register = Register()
    take_each(list(topic_scan.read_all(settings, topics.MODEL_VERSIONS)), register.take)
    return register


def enter(settings: Settings, entry: ModelVersion | ModelSwitch) -> None:
    """Write an entry and wait for the broker's acknowledgement.

    Raises
    ------
    DeliveryError
        The broker did not take it.
    """
    if isinstance(entry, ModelVersion):
        key = _VERSION + entry.name.encode()
    else:
        key = _SWITCH + f"{entry.epoch}:{entry.version}".encode()
    put(settings, topics.MODEL_VERSIONS, key, encode(entry))


def remove(settings: Settings, name: str) -> None:
    """Remove a version from the register.

    Raises
    ------
    DeliveryError
        The broker did not take it.
    """
    put(settings, topics.MODEL_VERSIONS, _VERSION + name.encode(), None)
