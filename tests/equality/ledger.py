"""Hashes of what comes out, topic by topic and block by block."""

from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cache
from hashlib import blake2b
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = ["Ledger", "canonical"]

BLOCK_BYTES = 4
"""Of a block's hash, which only says where; small in a file of some thousand hashes."""
TOTAL_BYTES = 16
"""Of the hash of a whole stream."""


def canonical(value: object) -> bytes:
    """Return bytes that depend on what a value says, and neither on its type's name nor on its fields' names.

    Numbers of an array become 64 bits wide, so that a field may be stored wider or narrower. Tuples, lists,
    dataclasses and structs are sequences of their values; mappings are sequences of pairs, in their order.

    Examples
    --------
    >>> canonical([1, "a", None]) == canonical((1, "a", None)), canonical([1]) == canonical([1.0])
    (True, False)
    >>> canonical(np.array([1, 2], np.uint8)) == canonical(np.array([1, 2], np.int64))
    True
    """
    out: list[bytes] = []
    _write(value, out)
    return b"".join(out)


def _write(value: Any, out: list[bytes]) -> None:
    if value is None:
        out.append(b"n")
    elif isinstance(value, int):
        out.append(b"i%d;" % value)
    elif isinstance(value, float):
        out.append(b"f%b;" % value.hex().encode())
    elif isinstance(value, str | bytes):
        data = value.encode() if isinstance(value, str) else value
        out += (b"s%d:" % len(data), data)
    elif isinstance(value, np.ndarray):
        _write_array(value, out)
    elif isinstance(value, np.generic):
        _write(value.item(), out)
    else:
        out.append(b"(")
        for part in _parts(value):
            _write(part, out)
        out.append(b")")


def _parts(value: Any) -> Iterable[Any]:
    """Return what a value is made of."""
    if isinstance(value, list | tuple):
        return value
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return [getattr(value, name) for name in _fields(type(value))]


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    """Return the names of a type's fields, in their order."""
    if is_dataclass(kind):
        return tuple(field.name for field in fields(kind))
    if issubclass(kind, Struct):
        return kind.__struct_fields__
    msg = f"what does a {kind.__name__} say?"
    raise TypeError(msg)


def _write_array(value: NDArray[Any], out: list[bytes]) -> None:
    """Write an array's shape and numbers; those of a record field by field."""
    if value.dtype.names:
        for name in value.dtype.names:
            _write_array(value[name], out)
        return
    shape = ",".join(map(str, value.shape)).encode()
    wide = np.ascontiguousarray(value, "<f8" if value.dtype.kind == "f" else "<i8")
    out += (b"a%b:" % shape, wide.tobytes())


class Ledger:
    """Streams of values, each hashed as a whole and in blocks.

    Examples
    --------
    >>> ledger = Ledger()
    >>> ledger.add("pages", 1); ledger.close_block(); ledger.close_block(); ledger.add("pages", 1)
    >>> ledger.close_block()
    >>> one = ledger.to_dict()["pages"]
    >>> one["count"], one["blocks"][0] == one["blocks"][2], one["blocks"][1]
    (2, True, '')
    """

    def __init__(self) -> None:
        self._blocks: dict[str, list[str]] = {}
        self._open: dict[str, Any] = {}
        self._totals: dict[str, Any] = {}
        self._counts: dict[str, int] = {}
        self._closed = 0

    def add(self, stream: str, *value: object) -> None:
        """Add one value to a stream."""
        if stream not in self._open:
            self._open[stream] = blake2b(digest_size=BLOCK_BYTES)
        if stream not in self._totals:
            self._totals[stream], self._counts[stream] = blake2b(digest_size=TOTAL_BYTES), 0
        data = canonical(value)
        self._open[stream].update(data)
        self._totals[stream].update(data)
        self._counts[stream] += 1

    def close_block(self) -> None:
        """End the block; a stream to which nothing was added in it has an empty text for a hash."""
        for stream, found in self._open.items():
            blocks = self._blocks.setdefault(stream, [])
            blocks += [""] * (self._closed - len(blocks)) + [found.hexdigest()]
        self._open.clear()
        self._closed += 1

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return count, total and blocks of every stream, by its name."""
        return {
            stream: {
                "count": self._counts[stream],
                "total": self._totals[stream].hexdigest(),
                "blocks": self._blocks.get(stream, []),
            }
            for stream in sorted(self._totals)
        }
