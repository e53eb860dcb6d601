"""Which records become dead letters, and what a dead letter says.

The policy:

* a record that is not a message of this system (the codec raises ``DecodeError``), or whose key or partition
  is wrong, becomes a dead letter in the transaction of its batch: exactly once per source offset;
* a record on which our own code raises becomes a dead letter with reason ``step_failed`` once it was
  isolated (:mod:`streams.engine.poison_marker`);
* nothing else does. A broker that does not answer, a full disk, a lost partition are not a record's fault:
  the worker stops or ends, and the record comes again.

Without the dead-letter topic no batch that holds a bad record can commit: intake stops, nothing is dropped.
"""

from schemas.dead_letters import DeadLetter
from schemas.errors import DecodeError, Reason
from schemas.pages import Source
from streams.engine.stage import Record

__all__ = ["invalid_record_letter", "poison_letter"]


def invalid_record_letter(record: Record, error: DecodeError, *, stage: str) -> DeadLetter:
    """Write the letter for a record that a step could not use.

    Parameters
    ----------
    record
        The record.
    error
        What was wrong with it.
    stage
        Name of the stage.
    """
    source = Source(topic=record.topic, partition=record.partition, offset=record.offset)
    return DeadLetter.of(
        error, stage=stage, source=source, key=record.key, value=record.value, time_ms=record.timestamp
    )


def poison_letter(record: Record, *, stage: str, error: str) -> DeadLetter:
    """Write the letter for a record on which a step raised.

    Parameters
    ----------
    record
        The record.
    stage
        Name of the stage.
    error
        Type of the exception.
    """
    return invalid_record_letter(
        record, DecodeError(Reason.STEP_FAILED, None, f"the step raised {error}"), stage=stage
    )
