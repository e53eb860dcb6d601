"""Versions of stored rows, and upgrades from each version to the next.

A row is written in the newest version and read in any. Rows outlive the program that wrote them, in stores,
changelogs and replicas, until the next event of their viewer or title. So upgrades from version 1 on stay
forever.

How to add a version
--------------------
Suppose a viewer's row gets a number `depth`, which is 1 in existing rows:

1. *Declare.* Describe the fields on top of the last version's, and append the version to its kind in
   :mod:`online_models.tables.rows`::

       def _viewer_2(config: ModelConfig) -> Fields:
           return [*_viewer_1(config), ("depth", "<f4")]


       VIEWER_ROWS = RowVersions("a viewer's row", _viewer_1, entry=8, entries="known").then(
           _viewer_2, fill={"depth": 1.0}
       )

   and name the field where rows are packed and restored. Fields of an existing version are never changed or
   removed.
2. *Write the upgrade*, if filling in a value is not enough: ``then(_viewer_3, upgrade=function)``. The
   function takes whole rows of the version before and returns them in the new one.
3. *Record bytes.* ``python -m tests.streams.stored_rows`` adds a file of the new version to
   tests/streams/rows and leaves the old ones. tests/streams/test_stored_rows.py reads all of them, and fails
   without the new one.

Old program, new rows
---------------------
A row of a newer version is refused before anything is written (`RowVersionError`). So in a rolling deployment
workers of the former version stop at the first new row; what they committed stays, and their partitions wait
for a worker of the new version. The way back is the new version, or a rebuild of the state from the events.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.errors import ConfigMismatchError, RowVersionError

__all__ = ["Fields", "FieldsOf", "RowVersions", "Upgrade", "with_fields_of"]

Fields = list[tuple[Any, ...]]
"""Fields of a row's fixed part, as :class:`numpy.dtype` takes them; the first is ``version``."""
FieldsOf = Callable[[ModelConfig], Fields]
"""Fields under a configuration."""
Upgrade = Callable[[Sequence[bytes], ModelConfig], list[bytes]]
"""Converts whole rows of one version to the next."""


class _Version(NamedTuple):
    fields: FieldsOf | None
    """None for rows without a fixed size, whose reader checks it."""
    fill: Mapping[str, Any]
    upgrade: Upgrade | None
    """From the version before; None: by ``fill``."""


class RowVersions:
    r"""One kind of row: its versions, oldest first. The lowest byte of a row is its version.

    Parameters
    ----------
    kind
        Name of the kind, for errors.
    fields
        The fixed part of version 1; None for rows whose reader checks their size.
    entry
        Bytes of each entry after the fixed part; 0 without entries.
    entries
        Field that is their number; versions without it have none.

    Examples
    --------
    >>> rows = RowVersions("a row", lambda config: [("version", "u1"), ("n", "u1")])
    >>> newer = rows.then(lambda config: [("version", "u1"), ("n", "u1"), ("depth", "u1")], fill={"depth": 7})
    >>> rows.version, newer.version, newer.current([b"\1\5", b"\2\5\6"], ModelConfig())
    (1, 2, [b'\x02\x05\x07', b'\x02\x05\x06'])
    """

    def __init__(
        self, kind: str, fields: FieldsOf | None = None, *, entry: int = 0, entries: str = ""
    ) -> None:
        self.kind = kind
        self._entry, self._entries = entry, entries
        self._versions: tuple[_Version, ...] = (_Version(fields, {}, None),)

    @property
    def version(self) -> int:
        """Return the newest version, which is the one written."""
        return len(self._versions)

    def then(
        self,
        fields: FieldsOf | None = None,
        *,
        fill: Mapping[str, Any] | None = None,
        upgrade: Upgrade | None = None,
    ) -> "RowVersions":
        """Return the kind with one more version.

        Parameters
        ----------
        fields
            Its fixed part.
        fill
            Values of new fields in existing rows; 0 for fields not named.
        upgrade
            Converts whole rows, where copying common fields and filling in new ones is not enough.
        """
        out = RowVersions(self.kind, entry=self._entry, entries=self._entries)
        out._versions = (*self._versions, _Version(fields, fill or {}, upgrade))
        return out

    def dtype(self, config: ModelConfig) -> np.dtype[Any]:
        """Describe the fixed part of the newest version."""
        return self._dtype(self.version, config)

    def layout(self, config: ModelConfig) -> str:
        """Return twelve hexadecimal digits that change with the fields that the configuration determines.

        They describe the first version, so that a new one, to which rows are upgraded, does not change them.
        """
        return hashlib.blake2b(str(self._dtype(1, config).descr).encode(), digest_size=6).hexdigest()

    def current(self, rows: Sequence[bytes], config: ModelConfig) -> list[bytes]:
        """Return rows of any version upgraded to the newest, in their order.

        Raises
        ------
        RowVersionError
            A newer program wrote a row.
        ConfigMismatchError
            A row does not have the size of its version under this configuration.
        """
        out, found = list(rows), {row[:1] for row in rows}
        unknown = found - {bytes([version]) for version in range(1, self.version + 1)}
        if unknown:
            newest = max(unknown)
            what = f"{self.kind} has " + (f"version {newest[0]}" if newest else "no version")
            msg = f"{what}, this program knows 1 to {self.version}"
            raise RowVersionError(msg)
        for version in range(min(found, default=b"\xff")[0], self.version):
            old = [n for n, row in enumerate(out) if row[0] == version]
            former = [out[n] for n in old]
            self._require(former, version, config)
            upgrade = self._versions[version].upgrade
            upgraded = upgrade(former, config) if upgrade else self._filled(former, version, config)
            for n, row in zip(old, upgraded, strict=True):
                out[n] = row
        self._require(out, self.version, config)
        return out

    def _dtype(self, version: int, config: ModelConfig) -> np.dtype[Any]:
        return _dtype_of(self._versions[version - 1].fields, config)

    def _filled(self, rows: Sequence[bytes], version: int, config: ModelConfig) -> list[bytes]:
        """Return rows upgraded by one version: common fields copied, new ones filled in."""
        dtype, after = self._dtype(version, config), self._dtype(version + 1, config)
        old: NDArray[np.void] = np.frombuffer(b"".join(row[: dtype.itemsize] for row in rows), dtype)
        new = with_fields_of(old, after)
        for name, value in self._versions[version].fill.items():
            new[name] = value
        new["version"] = version + 1
        heads, size = new.tobytes(), after.itemsize
        return [
            heads[at : at + size] + row[dtype.itemsize :]
            for at, row in zip(range(0, len(heads), size), rows, strict=True)
        ]

    def _require(self, rows: Sequence[bytes], version: int, config: ModelConfig) -> None:
        """Check that rows have the size of their version under this configuration."""
        if self._versions[version - 1].fields is None:
            return
        dtype = self._dtype(version, config)
        fields: Mapping[str, Any] = dtype.fields or {}
        size, at = dtype.itemsize, fields[self._entries][1] if self._entries in fields else None
        for row in rows if at is not None or {*map(len, rows)} != {size} else ():
            entries = 0 if at is None else int.from_bytes(row[at : at + 4], "little")
            if len(row) != size + self._entry * entries:
                wanted = size + self._entry * entries
                msg = f"{self.kind} has {len(row)} bytes, under this configuration it needs {wanted}"
                raise ConfigMismatchError(msg)


def with_fields_of(old: NDArray[np.void], after: np.dtype[Any]) -> NDArray[np.void]:
    """Return rows with other fields: those that both have are copied, new ones are 0."""
    new = np.zeros(old.size, after)
    for name in set(old.dtype.names or ()) & set(after.names or ()):
        new[name] = old[name]
    return new


@cache
def _dtype_of(fields: FieldsOf | None, config: ModelConfig) -> np.dtype[Any]:
    return np.dtype(fields(config) if fields else [("version", "u1")])
