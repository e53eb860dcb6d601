"""What a check of `nearline doctor` finds, and what all checks may look at."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

from schemas import topics
from schemas.versions import MARKER_KEY
from streams.config.settings import Settings
from streams.errors import StreamError
from streams.kafka import scan as topic_scan
from streams.kafka.clients import KafkaException, Message

__all__ = ["Check", "Finding", "Patient", "Status", "examine", "name_of"]

SAMPLE = 2_000
"""Newest events that are looked at: a second's worth, and a wrong partitioner shows in a handful."""


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    """It works, and may not for long or not as meant."""
    FAIL = "fail"
    """It does not work: code 1."""
    UNKNOWN = "unknown"
    """The question cannot be answered here; no failure."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    status: Status
    cause: str
    """What was seen, in one sentence."""
    next_step: str = ""
    """What the reader does now; empty when there is nothing to do."""
    name: str = ""
    """The check."""


@dataclass
class Patient:
    """The installation that is examined; what several checks ask for is fetched once."""

    settings: Settings
    now_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    sample: int = SAMPLE

    @cached_property
    def metadata(self) -> Any:  # noqa: ANN401 - the driver does not name this type in public
        """What the cluster says about itself and its topics."""
        return topic_scan.metadata(self.settings)

    @cached_property
    def newest_events(self) -> list[Message]:
        """The newest records of the events' topic, over its partitions, but for the markers of switches."""
        found = topic_scan.tail(self.settings, topics.EVENTS, self.sample)
        return [message for message in found if message.key() != MARKER_KEY]

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has, 0 where it does not exist."""
        found = self.metadata.topics.get(self.settings.topic(topic))
        return 0 if found is None else len(found.partitions)


Check = Callable[[Patient], Finding]
"""Looks at one thing; its name is the function's, its errors become findings."""


def examine(patient: Patient, checks: Iterable[Check]) -> list[Finding]:
    """Make every check; one that cannot be made is unknown, with the reason.

    Examples
    --------
    >>> def all_well(patient):
    ...     return Finding(Status.OK, "as it should be")
    >>> def no_answer(patient):
    ...     raise StreamError("the disk is silent", next_step="knock")
    >>> for found in examine(Patient(Settings()), [all_well, no_answer]):
    ...     print(found.name, found.status.value, found.cause, found.next_step)
    all well ok as it should be
    no answer unknown the disk is silent knock
    """
    return [_made(check, patient) for check in checks]


def name_of(check: Check) -> str:
    """Return a check's name."""
    return check.__name__.replace("_", " ")


def _made(check: Check, patient: Patient) -> Finding:
    try:
        found = check(patient)
    except StreamError as error:
        found = Finding(Status.UNKNOWN, error.what, error.next_step)
    except KafkaException as error:
        found = Finding(Status.UNKNOWN, error.args[0].str(), "look at the broker's log")
    return Finding(found.status, found.cause, found.next_step, name_of(check))
