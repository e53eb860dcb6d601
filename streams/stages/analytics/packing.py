"""Rows of the stages that count beside the lists: a byte of version and MessagePack."""

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, get_type_hints

import msgspec

from online_models.config import ModelConfig
from online_models.tables.row_versions import RowVersions
from streams.errors import StateError
from streams.stages.wire.partition_rows import explained

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["RowFormat", "RowLayout", "packed", "unpacked"]

_NO_CONFIG: Final = ModelConfig()  # payloads do not depend on the model's shapes

T = TypeVar("T")
D = TypeVar("D", bound="DataclassInstance")


class RowFormat(NamedTuple):
    """How a field is packed that is not packed as it is."""

    type: Any
    """What its packed form is read as."""
    pack: Callable[[Any], object]
    unpack: Callable[[Any], object]


class RowLayout(Generic[D]):
    r"""A dataclass packed as the array of its fields, in their order.

    So a field that is added, moved or of another type is another version: tests/streams/rows has the bytes.

    Parameters
    ----------
    of
        The dataclass.
    versions
        Of its rows.
    forms
        Fields that are packed in another form.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Seen:
    ...     name: str
    ...     times: dict[int, int]
    >>> pairs = Form(list[tuple[int, int]], lambda times: list(times.items()), dict)
    >>> seen = Layout(Seen, RowVersions("what was seen"), times=pairs)
    >>> seen.pack(Seen("a", {7: 2}))
    b'\x01\x92\xa1a\x91\x92\x07\x02'
    >>> seen.unpack(seen.pack(Seen("a", {7: 2})))
    Seen(name='a', times={7: 2})
    """

    def __init__(self, of: type[D], versions: RowVersions, **forms: RowFormat) -> None:
        names = [field.name for field in fields(of)]
        types = get_type_hints(of) | {name: form.type for name, form in forms.items()}
        row: Any = tuple
        self._of, self._versions = of, versions
        self._fields: Callable[[D], tuple[object, ...]] = attrgetter(*names)
        self._forms = [(names.index(name), form) for name, form in forms.items()]
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(
            row[tuple(types[name] for name in names)]
        )

    def pack(self, one: D) -> bytes:
        """Pack a row."""
        row = list(self._fields(one))
        for at, form in self._forms:
            row[at] = form.pack(row[at])
        return packed(self._versions, row)

    def unpack(self, value: bytes) -> D:
        """Read a row of any version; raises as :func:`unpacked`."""
        row = list(unpacked(self._decoder, self._versions, value))
        for at, form in self._forms:
            row[at] = form.unpack(row[at])
        return self._of(*row)


def packed(versions: RowVersions, row: object) -> bytes:
    """Pack a row under the newest version."""
    return bytes([versions.version]) + msgspec.msgpack.encode(row)


def unpacked(
    decoder: "msgspec.json.Decoder[T] | msgspec.msgpack.Decoder[T]", versions: RowVersions, value: bytes
) -> T:
    """Read a row of any version.

    Raises
    ------
    StateVersionError
        A newer version wrote it.
    StateError
        It cannot be read.
    """
    try:
        with explained():
            (current,) = versions.current([value], _NO_CONFIG)
        return decoder.decode(current[1:])
    except msgspec.MsgspecError as error:
        what, advice = f"{versions.kind} cannot be read", "stop the worker and delete its state folder"
        raise StateError(what, why=str(error), next_step=advice) from error
