r"""Rows of titles, under their ids, packed as :data:`online_models.tables.rows.TITLE_ROWS`.

A title may be known by its key only, where the sender of a signal knew no name either. Its row is under
``\x07`` and the key, until its name is known: then it is written under the name and deleted under the key.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from online_models.config import ModelConfig
from online_models.tables.layout import I4
from online_models.tables.rows import PackedTitles
from online_models.tables.titles import TitleTable
from streams.engine.stage import Row
from streams.stages.wire.row_checks import require_sound_titles
from streams.stages.wire.row_codec import explained

KEYED: Final = b"\x07"
"""First byte of the keys of rows without a name."""


def is_keyed(key: bytes) -> bool:
    """Return whether a row is that of a title without a name."""
    return key[:1] == KEYED


def key_of(titles: TitleTable, row: int) -> bytes:
    """Return the key under which a title's row is stored."""
    name = titles.ids[row]
    return name.encode() if name else KEYED + titles.arrays.key[row].tobytes()


def pack(titles: TitleTable, rows: I4, keyed: set[bytes] | None = None) -> list[Row]:
    """Pack rows.

    Parameters
    ----------
    titles
        The table.
    rows
        Of the titles.
    keyed
        Keys of the stored rows without a name; updated. Rows whose titles have got a name are deleted.
    """
    keyed = set() if keyed is None else keyed
    out: list[Row] = []
    names, values = titles.ids.many(rows), titles.pack(rows).to_bytes()
    for row, name, value in zip(rows.tolist(), names, values, strict=True):
        if name and not keyed:  # as good as always
            out.append((name.encode(), value))
            continue
        key, former = key_of(titles, row), KEYED + titles.arrays.key[row].tobytes()
        out.append((key, value))
        if key == former:
            keyed.add(key)
        elif former in keyed:
            keyed.discard(former)
            out.append((former, None))
    return out


def load(titles: TitleTable, rows: Mapping[bytes, bytes], *, admit: bool = False) -> None:
    """Load rows by their keys, those without a name first: one with a name is newer.

    Parameters
    ----------
    titles
        The table.
    rows
        By key.
    admit
        Whether all have room: the stage reads what it has written.

    Raises
    ------
    StateVersionError, StateError
        As `unpack`.
    """
    without = {key: value for key, value in rows.items() if is_keyed(key)}
    if without:
        keys = np.frombuffer(b"".join(key[1:] for key in without), "<u8").astype(np.uint64)
        titles.load_by_key(keys, unpack(list(without.values()), titles.config), admit=admit)
    named = {key: value for key, value in rows.items() if not is_keyed(key)} if without else rows
    if named:
        packed = unpack(list(named.values()), titles.config)
        names = [key.decode(errors="replace") for key in named]  # a stranger's key is nobody's title
        titles.load(names, packed, admit=admit)


def unpack(values: Sequence[bytes], config: ModelConfig) -> PackedTitles:
    """Read packed rows of any version.

    Raises
    ------
    StateVersionError
        A newer version wrote one.
    StateError
        One fits no version: it was written under another configuration, or is damaged.
    """
    with explained():
        rows = PackedTitles.from_bytes(values, config)
        require_sound_titles(rows, config)
    return rows
