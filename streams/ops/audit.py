"""The audit log of what operators do, in the topic `audit.v1`."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager

from schemas import topics
from schemas.audit import AuditAction, AuditRecord, AuditVia
from schemas.codec import encode
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.kafka.produce import put
from streams.kafka.topics import require_topics

__all__ = ["audited", "record_of"]

ACTOR_LETTERS = 64
"""Letters of an actor's name, as in the contract."""


def record_of(
    actor: str, action: AuditAction, subject: str, *, via: AuditVia = AuditVia.HTTP
) -> tuple[bytes, bytes]:
    """Return key and value of a record; the key is the actor."""
    record = AuditRecord(
        at_ms=now_ms(),
        actor=actor[:ACTOR_LETTERS],
        via=via,
        action=action,
        subject=subject,
    )
    return record.actor.encode(), encode(record)


@contextmanager
def audited(settings: Settings, action: AuditAction, subject: str) -> Iterator[None]:
    """Record what a command does, once it has done it.

    Raises
    ------
    TopicError
        There is no audit log: nothing was done.
    DeliveryError
        It was done, but the broker did not accept the record.
    """
    require_topics(settings, (topics.AUDIT,))
    yield
    put(settings, topics.AUDIT, *record_of(_user(), action, subject, via=AuditVia.COMMAND))


def _user() -> str:
    """Return the user of the operating system; a container may have none with a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
