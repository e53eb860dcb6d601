"""How a row is stored: one version byte, then a value of a declared type as MessagePack.

A row is declared once, by its type: a `msgspec.Struct`, a dataclass, a named tuple, or a built-in type.
Fields may be numpy arrays: ``counts: NDArray[np.float64]``::

    SEGMENT = RowCodec("a segment's row", Segment)
    value = SEGMENT.pack(segment)
    segment = SEGMENT.unpack(value)

An array is stored as its dtype, its shape and its bytes (little-endian), and read as the declared dtype. A
float that is not finite is refused when the row is packed, and when it is read.

To change a declared type, add a version (:mod:`online_models.tables.row_versions`) and pass the versions in
place of the name: ``RowCodec(RowVersions("a segment's row").then(upgrade=function), Segment)``. The upgrade
takes and returns whole rows, the version byte included.

Rows of viewers and titles and the records of signals are numpy structures for speed; they carry the same
version byte and the same `RowVersions` (:mod:`streams.stages.wire.viewer_rows`,
:mod:`streams.stages.wire.title_rows`, :mod:`streams.stages.wire.signals`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, TypeVar, get_args

import msgspec
import numpy as np

from online_models.config import ModelConfig
from online_models.errors import ConfigMismatchError, NonFiniteRowError, RowVersionError
from online_models.tables.row_versions import RowVersions
from streams.errors import StateError, StateVersionError

__all__ = ["RowCodec", "explained"]

T = TypeVar("T")

_NO_CONFIG: Final = ModelConfig()  # these rows do not depend on the model's shapes, or carry their shapes


class RowCodec(Generic[T]):
    r"""Packs and reads one kind of row.

    Parameters
    ----------
    kind
        Name of the row for errors, or its versions.
    of
        Type of the value.
    is_sound
        Whether the numbers of a value are within their ranges. Default: any are.

    Examples
    --------
    >>> from typing import NamedTuple
    >>> from numpy.typing import NDArray
    >>> class Counts(NamedTuple):
    ...     name: str
    ...     counts: NDArray[np.uint16]
    >>> codec = RowCodec("counts", Counts)
    >>> codec.pack(Counts("a", np.array([1, 2], np.uint16)))
    b'\x01\x92\xa1a\x93\xa3<u2\x91\x02\xc4\x04\x01\x00\x02\x00'
    >>> codec.unpack(codec.pack(Counts("a", np.array([1, 2], np.uint16))))
    Counts(name='a', counts=array([1, 2], dtype=uint16))
    """

    def __init__(
        self, kind: str | RowVersions, of: type[T], *, is_sound: Callable[[T], bool] = lambda _: True
    ) -> None:
        self.versions = RowVersions(kind) if isinstance(kind, str) else kind
        self._is_sound = is_sound
        self._decoder = msgspec.msgpack.Decoder(of, dec_hook=_read_array)

    def pack(self, value: T) -> bytes:
        """Pack a value under the newest version.

        Raises
        ------
        NonFiniteRowError
            An array holds a number that is not finite.
        """
        return bytes((self.versions.version,)) + _ENCODER.encode(value)

    def unpack(self, row: bytes) -> T:
        """Read a row of any version.

        Raises
        ------
        StateVersionError
            A newer version wrote it.
        StateError
            It cannot be read.
        """
        with explained():
            (current,) = self.versions.current([row], _NO_CONFIG)
        try:
            value = self._decoder.decode(memoryview(current)[1:])
        except (msgspec.MsgspecError, ValueError) as error:
            raise self._unreadable(str(error)) from error
        if not self._is_sound(value):
            why = "a number is out of its range"
            raise self._unreadable(why)
        return value

    def _unreadable(self, why: str) -> StateError:
        what = f"{self.versions.kind} cannot be read"
        advice = "run `nearline state verify`, then `nearline state rebuild`"
        return StateError(what, why=why, next_step=advice)


def _write_array(value: object) -> object:
    """Return an array as (dtype, shape, bytes)."""
    if not isinstance(value, np.ndarray):
        msg = f"rows hold no {type(value).__name__}"
        raise TypeError(msg)
    if value.dtype.kind == "f" and not np.isfinite(value).all():
        msg = "a row is not finite"
        raise NonFiniteRowError(msg)
    little = value.astype(value.dtype.newbyteorder("<"), copy=False)
    return little.dtype.str, little.shape, little.tobytes()


def _read_array(of: type, stored: tuple[str, tuple[int, ...], bytes]) -> object:
    """Return a stored array under the dtype that its declaration names; a copy, hence writable."""
    _, dtype = get_args(of)
    (number,) = get_args(dtype)
    kind, shape, data = stored
    if (
        kind[:1] not in {"<", ">", "|"} or not kind[1:].isalnum()
    ):  # numpy parses others as a language of its own
        msg = f"{kind!r} is no type of numbers"
        raise ValueError(msg)
    out = np.frombuffer(data, kind).reshape(shape).astype(number)
    if out.dtype.kind == "f" and not np.isfinite(out).all():
        msg = "a number is not finite"
        raise ValueError(msg)
    return out


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_write_array)


@contextmanager
def explained() -> Iterator[None]:
    """Turn a row's version or shape error into one for operators; it names no viewer."""
    try:
        yield
    except RowVersionError as error:
        what = "stored rows are of a version that this program does not know"
        advice = "start the version of nearline that wrote them; nothing was changed"
        raise StateVersionError(what, why=str(error), next_step=advice) from error
    except ConfigMismatchError as error:
        what = "stored rows were written under another model configuration, or are damaged"
        advice = (
            "restore the former NEARLINE_MODEL__… settings, or learn the new ones as a version of their own, "
            "NEARLINE_MODEL_VERSION=NAME (`nearline model --help`); "
            "`nearline state verify` finds damaged rows"
        )
        raise StateError(what, why=str(error), next_step=advice) from error
