"""Records of compacted topics that are read whole: each is taken by itself, and a bad one stops no worker.

A record that cannot be decoded, or on which taking it raises, is *unusable*. What the reader had taken under
its key before stays in force: an unreadable rule or title takes no exclusion and no guard away. Unusable
records are logged with their place and key, and counted until a newer record of the key is usable. A worker
of the viewers stage also makes dead letters of them (:mod:`streams.stages.viewers.table_letters`).
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import Final, TypeVar

import structlog

from schemas.dead_letters import DeadLetter
from schemas.errors import DecodeError, Reason
from schemas.pages import Source
from streams.errors import StreamError
from streams.kafka.clients import Message
from streams.telemetry.metrics import Metrics

__all__ = ["STAGE", "TableRecords", "UnusableRecords", "take_each"]

STAGE: Final = "tables"
"""Stage that dead letters of these records name: readers of tables belong to no stage."""
MOST_LETTER_BYTES: Final = 16_000_000
"""Bytes of keys and values in dead letters that wait to be written: some 10,000 titles of 1.5 kB. Of more the
newest are kept; the metric counts all."""

Item = TypeVar("Item")
_LOG = structlog.get_logger(__name__)


class UnusableRecords:
    """Which keys of which tables have an unusable record as their newest; any thread may use it.

    Parameters
    ----------
    metrics
        Show how many there are.
    letters
        Whether dead letters are kept until `take_letters`.

    Examples
    --------
    >>> unusable = UnusableRecords(Metrics())
    >>> unusable.discard("rules.v1", [b"a-rule"])
    >>> unusable.count("rules.v1"), unusable.has_letters
    (0, False)
    """

    def __init__(self, metrics: Metrics, *, letters: bool = False) -> None:
        self._metrics, self._keeps_letters = metrics, letters
        self._keys: defaultdict[str, set[bytes]] = defaultdict(set)
        self._letters: deque[DeadLetter] = deque()
        self._bytes = 0
        self._lock = Lock()

    def add(self, topic: str, key: bytes | None, error: DecodeError, message: Message | None = None) -> None:
        """Note an unusable record.

        Parameters
        ----------
        topic
            Its topic, without the prefix.
        key
            Its key.
        error
            Why it cannot be used.
        message
            The record with its position, where it is known.
        """
        place = {} if message is None else {"partition": message.partition(), "offset": message.offset()}
        _LOG.warning(
            "table_record_unusable",
            topic=topic,
            key=(key or b"").decode(errors="replace"),
            **place,
            reason=error.reason.value,
            field=error.field,
            why=error.message,
            next="correct it in its source and send it again; until then the last usable record is in force",
        )
        with self._lock:
            self._keys[topic].add(key or b"")
            if self._keeps_letters and message is not None:
                self._letters.append(_letter(message, error))
                self._bytes += _size(self._letters[-1])
                while self._bytes > MOST_LETTER_BYTES:
                    self._bytes -= _size(self._letters.popleft())
            self._show(topic)

    def discard(self, topic: str, keys: Iterable[bytes | None]) -> None:
        """Note that the newest records of some keys are usable, or tombstones."""
        with self._lock:
            if topic in self._keys:
                self._keys[topic].difference_update(key or b"" for key in keys)
                self._show(topic)

    def count(self, topic: str) -> int:
        """Return the number of keys of a topic whose newest record is unusable."""
        return len(self._keys.get(topic, ()))

    @property
    def has_letters(self) -> bool:
        """Return whether dead letters wait to be written."""
        return bool(self._letters)

    def take_letters(self) -> list[DeadLetter]:
        """Remove and return the dead letters that wait, in the order of their records."""
        with self._lock:
            letters = list(self._letters)
            self._letters.clear()
            self._bytes = 0
        return letters

    def _show(self, topic: str) -> None:
        self._metrics.unusable_records.labels(topic).set(len(self._keys[topic]))


class TableRecords:
    """Lets a reader take the records of one table, each by itself.

    Parameters
    ----------
    topic
        Its name without the prefix.
    take
        Takes records in order, and raises on a bad one. It must be harmless to take a record twice.
    unusable
        Receives bad records.
    on_unusable
        Called with a bad record after what came before it was taken.
    """

    def __init__(
        self,
        topic: str,
        take: Callable[[Sequence[Message]], None],
        unusable: UnusableRecords,
        on_unusable: Callable[[Message], None] = lambda _: None,
    ) -> None:
        self._topic, self._take = topic, take
        self._unusable, self._on_unusable = unusable, on_unusable

    def __call__(self, messages: Sequence[Message]) -> None:
        """Take records in order.

        Raises
        ------
        StreamError
            It is the fault of no record.
        """

        def reject(message: Message, error: DecodeError) -> None:
            self._unusable.add(self._topic, message.key(), error, message)
            self._on_unusable(message)

        take_each(
            messages, self._take, reject, lambda taken: self._unusable.discard(self._topic, map(_key, taken))
        )


def take_each(
    items: Sequence[Item],
    take: Callable[[Sequence[Item]], None],
    reject: Callable[[Item, DecodeError], None] = lambda _, __: None,
    accept: Callable[[Sequence[Item]], None] = lambda _: None,
) -> None:
    """Take items at once or, if one of them is bad, one by one.

    Parameters
    ----------
    items
        In order.
    take
        Takes some of them; raises on a bad one.
    reject
        Called with each bad item and the reason.
    accept
        Called with items that were taken.

    Raises
    ------
    StreamError
        `take` raised it: it is the fault of no item.

    Examples
    --------
    >>> taken, rejected = [], []
    >>> take_each(["1", "x"], lambda some: taken.extend(map(int, some)), lambda *one: rejected.append(one))
    >>> taken, rejected
    ([1, 1], [('x', DecodeError('step_failed: taking it raised ValueError'))])
    """
    if _error_of(items, take) is None:
        accept(items)
        return
    for item in items:
        error = _error_of([item], take)
        if error is None:
            accept([item])
        else:
            reject(item, error)


def _error_of(items: Sequence[Item], take: Callable[[Sequence[Item]], None]) -> DecodeError | None:
    """Take items; return why that failed, None if it did not."""
    try:
        take(items)
    except DecodeError as error:
        return error
    except (StreamError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever a record causes, it must not end every worker
        return DecodeError(Reason.STEP_FAILED, None, f"taking it raised {type(error).__name__}")
    return None


def _key(message: Message) -> bytes | None:
    return message.key()


def _letter(message: Message, error: DecodeError) -> DeadLetter:
    source = Source(
        topic=message.topic() or "", partition=message.partition() or 0, offset=message.offset() or 0
    )
    key, value, sent_ms = message.key(), message.value(), message.timestamp()[1]
    return DeadLetter.of(error, stage=STAGE, source=source, key=key, value=value, time_ms=sent_ms)


def _size(letter: DeadLetter) -> int:
    return len(letter.key or b"") + len(letter.value or b"")
