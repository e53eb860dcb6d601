"""Batches of records as a producer compresses them, small ones and some that are far larger when opened."""

import gzip
import struct
from collections.abc import Callable

import cramjam
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c, encode_varint

CHUNK = bytes(16 << 20)


def _xerial(data: bytes) -> bytes:
    """Return a block of Java's snappy, with its length."""
    block = bytes(cramjam.snappy.compress_raw(data))
    return struct.pack(">i", len(block)) + block


CODECS: dict[str, tuple[int, bytes, Callable[[bytes], bytes]]] = {
    "gzip": (1, b"", lambda data: gzip.compress(data, 1)),
    "snappy": (2, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01", _xerial),
    "lz4": (3, b"", lambda data: bytes(cramjam.lz4.compress(data))),
    "zstd": (4, b"", lambda data: bytes(cramjam.zstd.compress(data))),
}
"""Number in Kafka's format, what the compressed records begin with, and how a part of them is compressed.
Parts may follow each other."""


def batch(values: list[bytes], *, first: int = 0, codec: int = 0) -> bytes:
    """Return a batch of a few records."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 30)
    for number, value in enumerate(values):
        builder.append(number, 1_700_000_000_000, b"k", value, [])
    return first.to_bytes(8, "big") + bytes(builder.build())[8:]


def bomb(codec: str, chunks: int, *, first: int = 0) -> bytes:
    """Return a batch of one record of zeros, 16 MiB for each chunk; making it takes little memory."""
    number, begin, compress = CODECS[codec]
    size = chunks * len(CHUNK)
    head, whole = bytearray(b"\0\0\0\1"), bytearray()  # attributes, time, offset, no key
    encode_varint(size, head.append)
    encode_varint(len(head) + size + 1, whole.append)
    records = begin + compress(bytes(whole + head)) + compress(CHUNK) * chunks + compress(b"\0")
    after_crc = (
        struct.pack(">hiqqqhii", number, 0, 1_700_000_000_000, 1_700_000_000_000, -1, -1, -1, 1) + records
    )
    crc = calc_crc32c(after_crc)
    return struct.pack(">qiibI", first, 9 + len(after_crc), 0, 2, crc) + after_crc
