"""A toy kind of row through three versions: filled in, rewritten, refused."""

import struct
from collections.abc import Sequence

import numpy as np
import pytest

from online_models.config import FactorizationConfig, ModelConfig
from online_models.errors import ConfigMismatchError, RowVersionError
from online_models.tables.row_versions import Fields, RowVersions

CONFIG = ModelConfig(factorization=FactorizationConfig(factors=2))
OTHER = ModelConfig(factorization=FactorizationConfig(factors=3))


def _one(config: ModelConfig) -> Fields:
    return [("version", "u1"), ("known", "<i4"), ("taste", "<f4", (config.factorization.factors,))]


def _two(config: ModelConfig) -> Fields:
    return [*_one(config), ("depth", "<f4"), ("seen", "<i4")]


def _halved(rows: Sequence[bytes], config: ModelConfig) -> list[bytes]:
    """Upgrade to the third version: depth is counted in halves."""
    out = []
    for row in rows:
        head = np.frombuffer(row, _two(config), count=1).copy()
        head["version"], head["depth"] = 3, 2 * head["depth"]
        out.append(head.tobytes() + row[head.itemsize :])
    return out


FIRST = RowVersions("a toy's row", _one, entry=8, entries="known")
SECOND = FIRST.then(_two, fill={"depth": 1.5})
THIRD = SECOND.then(_two, upgrade=_halved)


def row(versions: RowVersions, known: Sequence[int] = (), config: ModelConfig = CONFIG) -> bytes:
    """Write a row of a kind's newest version."""
    head = np.zeros(1, versions.dtype(config))
    head["version"], head["known"], head["taste"] = versions.version, len(known), 0.25
    return head.tobytes() + struct.pack(f"<{len(known)}q", *known)


def test_new_fields_are_filled_in_and_the_rest_stays() -> None:
    """A row of version 1 reads in version 2: what it said, the default, 0, and the entries behind it."""
    (upgraded,) = SECOND.current([row(FIRST, [7, 8])], CONFIG)
    size = SECOND.dtype(CONFIG).itemsize
    head = np.frombuffer(upgraded[:size], SECOND.dtype(CONFIG))[0]
    assert (head["version"], head["known"], head["depth"], head["seen"]) == (2, 2, 1.5, 0)
    assert head["taste"].tolist() == [0.25, 0.25]
    assert struct.unpack("<2q", upgraded[size:]) == (7, 8)


def test_upgrades_are_chained() -> None:
    """A mixture of three versions is read in the third, in its order."""
    third = THIRD.current([row(SECOND, [1]), row(FIRST), row(THIRD), row(FIRST, [2])], CONFIG)
    heads = [np.frombuffer(r, THIRD.dtype(CONFIG), count=1)[0] for r in third]
    assert [int(head["version"]) for head in heads] == [3, 3, 3, 3]
    assert [float(head["depth"]) for head in heads] == [0, 3, 0, 3]
    assert [int(head["known"]) for head in heads] == [1, 0, 0, 1]


def test_rows_of_the_newest_version_are_not_copied() -> None:
    """The common case costs nothing."""
    rows = [row(THIRD, [5]), row(THIRD)]
    assert all(a is b for a, b in zip(THIRD.current(rows, CONFIG), rows, strict=True))


@pytest.mark.parametrize("version", [0, 2, 9, 255])
def test_unknown_versions_are_refused(version: int) -> None:
    """Version 2 is one too new for a program that knows one; 0 is none."""
    with pytest.raises(
        RowVersionError, match=f"a toy's row has version {version}, this program knows 1 to 1"
    ):
        FIRST.current([row(FIRST), bytes([version]) + row(FIRST)[1:]], CONFIG)


def test_an_empty_value_has_no_version() -> None:
    """It is refused like any other that cannot be read."""
    with pytest.raises(RowVersionError, match="no version"):
        FIRST.current([b""], CONFIG)


@pytest.mark.parametrize("versions", [FIRST, SECOND])
def test_rows_of_another_shape_are_refused(versions: RowVersions) -> None:
    """Another configuration, a cut and a long row, of an old version too: no garbage vectors."""
    good = row(FIRST, [1])
    for bad in (row(FIRST, [1], OTHER), good[:-1], good[:3], good + b"x", good + bytes(8)):
        with pytest.raises(ConfigMismatchError):
            versions.current([good, bad], CONFIG)
