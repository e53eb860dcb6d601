"""Bounds the memory that compressed batches of a fetched partition take when they are opened.

A broker bounds the compressed size of a batch only: 100 kB of zstd can be 3 GB of zeros. aiokafka opens a
whole batch before anybody sees a record, and one fetch may have a thousand batches. So
:class:`BoundedRecords` stands in its fetcher for aiokafka's own class, and decompresses each batch into a
buffer of :data:`LIMIT` bytes first:

* A batch that does not fit is not opened. It is replaced by one record at its last offset, whose value is an
  :class:`UnopenedBatch`. The partition's task turns that into a dead letter, so the position passes it.
* When the opened batches of a fetch have more than `LIMIT` bytes, the fetch ends early, and the rest is
  fetched again.

The second decompression costs about 1 ms per MB of events (measured: zstd 2 GB/s, lz4 0.5 GB/s).
"""

import gzip
import io
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import cramjam
import numpy as np
from aiokafka.record.memory_records import MemoryRecords

__all__ = ["LIMIT", "BoundedRecords", "UnopenedBatch", "decompressed_size"]

LIMIT = 16 << 20
"""Maximum bytes of a batch when decompressed. Producers bound a batch before compression at 1 MB by default
(Java: max.request.size, librdkafka: message.max.bytes), and an event at 16 kB is valid."""

USUAL_RATIO = 64
"""Compression ratio for which a small buffer is tried first: a buffer of `LIMIT` costs 20 µs (measured)."""

_LENGTH = struct.Struct(">i")
_LENGTH_AT, _MAGIC_AT, _CODEC_AT, _RECORDS_AT = 8, 16, 22, 61
"""Positions in a batch of magic 2: its length after the base offset, version, low byte of the attributes,
records. https://kafka.apache.org/documentation/#recordbatch"""

_MAGIC = 2
"""Version of the format. Brokers since Kafka 3.0 store no earlier one."""

_CODECS = 0x07
_GZIP, _SNAPPY, _LZ4, _ZSTD = 1, 2, 3, 4

_XERIAL = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01"
"""Header of the stream format that Java's snappy writes: after it each block has its length before it."""


class UnopenedBatch(bytes):
    """Stands for the value of a record that replaces a batch, at its last offset.

    Attributes
    ----------
    first
        First offset of the batch.
    compressed
        Bytes of the batch as it was fetched.
    """

    first: int
    compressed: int


class _Substitute(NamedTuple):
    """The record that replaces a batch; the fields that aiokafka's fetcher reads."""

    offset: int
    timestamp: int
    timestamp_type: int
    value: UnopenedBatch
    key: None = None
    checksum: None = None
    headers: tuple[()] = ()


class _Unopened:
    """A batch that iterates over its substitute instead of its records."""

    def __init__(self, batch: Any, compressed: int) -> None:  # noqa: ANN401 - one of aiokafka's two classes
        self._batch, self._compressed = batch, compressed

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - producer, checksum and flags are those of the batch
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[_Substitute]:
        batch, value = self._batch, UnopenedBatch()
        value.first, value.compressed = batch.base_offset, self._compressed
        yield _Substitute(batch.next_offset - 1, batch.max_timestamp, batch.timestamp_type, value)


class BoundedRecords:
    """The batches of one partition in a fetch; has the methods of aiokafka's `MemoryRecords`.

    Parameters
    ----------
    data
        The batches as the broker sent them; the last one may be incomplete.
    """

    def __init__(self, data: bytes) -> None:
        self._data, self._records = data, MemoryRecords(data)
        self._at, self._left = 0, LIMIT

    def size_in_bytes(self) -> int:
        """Return the size of the fetched bytes."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """Return whether there is another whole batch, and its opening is within the bound of the fetch."""
        return self._left > 0 and bool(self._records.has_next())

    def next_batch(self) -> Any:  # noqa: ANN401 - aiokafka has two classes of batches
        """Return the next batch, or its substitute."""
        data, at = self._data, self._at
        self._at = end = at + _LENGTH_AT + _LENGTH.size + _LENGTH.unpack_from(data, at + _LENGTH_AT)[0]
        batch = self._records.next_batch()
        codec = data[at + _CODEC_AT] & _CODECS if data[at + _MAGIC_AT] == _MAGIC else 0
        if not codec:
            return batch
        size = decompressed_size(codec, memoryview(data)[at + _RECORDS_AT : end])
        if size is None:
            return _Unopened(batch, end - at)
        self._left -= size
        return batch


def decompressed_size(codec: int, payload: memoryview, limit: int = LIMIT) -> int | None:
    """Return the decompressed size of the records of a batch; None if above the limit, or unreadable.

    At most `limit` bytes are written to memory.

    Parameters
    ----------
    codec
        Number of the codec in Kafka's format; 0 for one that is unknown.
    payload
        The compressed records.
    limit
        Maximum size.

    Examples
    --------
    >>> bomb = memoryview(bytes(cramjam.zstd.compress(bytes(200_000))))
    >>> len(bomb), decompressed_size(4, bomb), decompressed_size(4, bomb, 100_000)
    (26, 200000, None)
    """
    try:
        if codec == _GZIP:
            size = len(gzip.GzipFile(fileobj=io.BytesIO(payload)).read(limit + 1))
        elif codec == _SNAPPY:
            size = _snappy_size(payload)
        elif codec in {_LZ4, _ZSTD}:
            size = _frame_size(cramjam.lz4 if codec == _LZ4 else cramjam.zstd, payload, limit)
        else:
            return 0  # aiokafka raises its own error
    except (cramjam.DecompressionError, OSError, EOFError, ValueError):
        return None
    return size if size <= limit else None


def _frame_size(codec: Any, payload: memoryview, limit: int) -> int:  # noqa: ANN401 - a module of cramjam
    """Return the size of frames of lz4 or zstd; the decoder fails when the buffer is full."""
    try:
        return int(codec.decompress_into(payload, np.empty(min(limit, USUAL_RATIO * len(payload)), np.uint8)))
    except cramjam.DecompressionError:
        return int(codec.decompress_into(payload, np.empty(limit, np.uint8)))


def _snappy_size(payload: memoryview) -> int:
    """Return the size that snappy's blocks state; the decoder refuses a block with another one.

    Raises
    ------
    ValueError
        The length of a block is none.
    """
    if payload[: len(_XERIAL)] != _XERIAL:
        return int(cramjam.snappy.decompress_raw_len(payload))
    size, at = 0, len(_XERIAL)
    while at < len(payload):
        length = _LENGTH.unpack_from(payload, at)[0] if at + _LENGTH.size <= len(payload) else 0
        if length <= 0:
            msg = "a block of snappy has no length"
            raise ValueError(msg)
        at += _LENGTH.size
        size += int(cramjam.snappy.decompress_raw_len(payload[at : at + length]))
        at += length
    return size
