"""Dead letters: which records become one, and what it contains.

The policy:

* A record that cannot be decoded (the codec raises ``DecodeError``), or whose key or partition is wrong,
  becomes a dead letter in the transaction of its batch: exactly once per source offset.
* A record on which a step raises becomes a dead letter with the reason ``step_failed`` after it was isolated
  (:mod:`streams.engine.poison_marker`).
* A compressed batch of records that is too large to be opened (:mod:`streams.engine.record_batches`) becomes
  one dead letter at its last offset (``too_large``), whose message names its first.
* Nothing else does. If a broker does not answer, a disk is full or a partition is lost, the worker ends, and
  the record is read again.

Without the dead-letter topic no batch with a bad record can commit: processing stops, nothing is dropped.
"""

from schemas.dead_letters import DeadLetter
from schemas.errors import DecodeError, Reason
from schemas.pages import Source
from streams.engine.record_batches import LIMIT, UnopenedBatch
from streams.engine.stage import Record

__all__ = ["invalid_record_letter", "poison_letter", "unopened_letter"]


def invalid_record_letter(record: Record, error: DecodeError, *, stage: str) -> DeadLetter:
    """Return the dead letter of a record that a step could not decode or use.

    Parameters
    ----------
    record
        The record.
    error
        The reason.
    stage
        Name of the stage.
    """
    source = Source(topic=record.topic, partition=record.partition, offset=record.offset)
    return DeadLetter.of(
        error, stage=stage, source=source, key=record.key, value=record.value, time_ms=record.timestamp
    )


def poison_letter(record: Record, *, stage: str, error: str) -> DeadLetter:
    """Return the dead letter of the isolated record on which a step raised.

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


def unopened_letter(record: Record, batch: UnopenedBatch, *, stage: str) -> DeadLetter:
    """Return the dead letter of a batch that was not opened.

    Parameters
    ----------
    record
        The record that stands for it.
    batch
        Its value.
    stage
        Name of the stage.
    """
    what = (
        f"the records at offsets {batch.first} to {record.offset} are compressed to {batch.compressed} bytes"
    )
    error = DecodeError(Reason.TOO_LARGE, None, f"{what}, and are not readable within {LIMIT}")
    source = Source(topic=record.topic, partition=record.partition, offset=record.offset)
    return DeadLetter.of(error, stage=stage, source=source, key=None, value=None, time_ms=record.timestamp)
