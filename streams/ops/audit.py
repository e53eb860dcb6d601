"""The audit log of what operators do, in the topic `audit.v1`."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from schemas import topics
from schemas.audit import AuditAction, AuditRecord, AuditVia
from schemas.codec import encode
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.errors import DeliveryError, StreamError
from streams.kafka.produce import put
from streams.kafka.topics import require_topics

__all__ = ["Operator", "audited", "record_of"]

ACTOR_LETTERS = 64
"""Letters of an actor's name, as in the contract."""
TEXT_LETTERS = 256
"""Letters of a text, as in the contract."""


class Operator(NamedTuple):
    """Who does something, and how."""

    name: str
    """Name of the key, or of the user of the operating system."""
    via: AuditVia

    @classmethod
    def of_command(cls) -> "Operator":
        """Return the user who gave the command; a container may have none with a name."""
        try:
            return cls(getpass.getuser(), AuditVia.COMMAND)
        except (KeyError, OSError):
            return cls("unknown", AuditVia.COMMAND)


def record_of(
    who: Operator, action: AuditAction, subject: str, *, detail: str = "", refused: str = ""
) -> tuple[bytes, bytes]:
    """Return key and value of a record; the key is the actor."""
    record = AuditRecord(
        at_ms=now_ms(),
        actor=who.name[:ACTOR_LETTERS],
        via=who.via,
        action=action,
        subject=subject,
        detail=_line(detail),
        refused=_line(refused),
    )
    return record.actor.encode(), encode(record)


@contextmanager
def audited(
    settings: Settings, action: AuditAction, subject: str, *, who: Operator | None = None, detail: str = ""
) -> Iterator[None]:
    """Record what an operator does, once it is done or refused.

    Parameters
    ----------
    settings
        Cluster and prefix.
    action, subject, detail
        What is done.
    who
        Who does it. Default: who gave the command.

    Raises
    ------
    TopicError
        There is no audit log: nothing was done.
    DeliveryError
        It was done, but the broker did not accept the record.
    """
    require_topics(settings, (topics.AUDIT,))
    who = who or Operator.of_command()
    try:
        yield
    except StreamError as error:
        why = f"{error.what}: {error.why}" if error.why else error.what
        with suppress(DeliveryError):  # the cause is shown, not that it could not be recorded
            put(settings, topics.AUDIT, *record_of(who, action, subject, detail=detail, refused=why))
        raise
    put(settings, topics.AUDIT, *record_of(who, action, subject, detail=detail))


def _line(text: str) -> str | None:
    """Return a text as one line of the contract's length."""
    return " ".join(text.split())[:TEXT_LETTERS] or None
