"""Models as bytes, and back: `snapshot()` and `from_snapshot()` of every model of this package.

A model made from a snapshot equals the original, in its lists and in what it learns afterwards
(`checks.check_snapshot`). A snapshot holds names, numbers and arrays, never code, so reading one of unknown
origin executes nothing.

A snapshot is a version byte and a NumPy archive. An array or setting that is newer than the snapshot has its
initial value; a changed meaning needs a new version of :data:`VERSIONS` with an upgrade
(:mod:`online_models.tables.row_versions`), which takes and returns whole snapshots.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from io import BytesIO
from typing import Any, NamedTuple, TypeVar, cast
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from online_models.config import WAYS, ModelConfig
from online_models.errors import ConfigMismatchError, RowVersionError
from online_models.tables.neighbours import BITS
from online_models.tables.row_versions import RowVersions

__all__ = ["VERSIONS", "Snapshot", "config_from", "nested", "pack", "unpack"]

_FACTS = "facts"  # the entry of the archive for everything but arrays

C = TypeVar("C")


class Snapshot(NamedTuple):
    """Contents of a model."""

    facts: dict[str, Any]
    """Names and numbers, as JSON represents them."""
    arrays: dict[str, NDArray[Any]]

    def part(self, name: str) -> bytes:
        """Return the snapshot of a part, stored by :func:`nested`."""
        return self.arrays[name].tobytes()


def pack(kind: str, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack a model of a kind.

    Examples
    --------
    >>> data = pack("toy", {"seed": 7}, {"taste": np.array([0.5])})
    >>> unpack("toy", data)
    Snapshot(facts={'kind': 'toy', 'seed': 7}, arrays={'taste': array([0.5])})
    """
    stored = json.dumps({"kind": kind, **facts}, default=asdict).encode()
    archive = BytesIO()
    np.savez(archive, allow_pickle=False, **{_FACTS: np.frombuffer(stored, np.uint8), **arrays})
    return bytes([VERSIONS.version]) + archive.getvalue()


def unpack(kind: str, data: bytes) -> Snapshot:
    """Read a snapshot of any version.

    Raises
    ------
    RowVersionError
        A newer program made it, or it is no snapshot.
    ConfigMismatchError
        It is a snapshot of another kind of model.
    """
    try:
        (current,) = VERSIONS.current([data], ModelConfig())
        with np.load(BytesIO(current[1:]), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(arrays.pop(_FACTS).tobytes())
    except (BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
        msg = f"not a snapshot: {error}"
        raise RowVersionError(msg) from error
    if facts["kind"] != kind:
        msg = f"a snapshot of a {facts['kind']} cannot be loaded as a {kind}"
        raise ConfigMismatchError(msg)
    return Snapshot(facts, arrays)


def _with_sets_of_neighbours(rows: Sequence[bytes], _: ModelConfig) -> list[bytes]:
    """Upgrade tables of titles with a row of neighbours for each, to sets in a pool (`tables.neighbours`)."""
    out = []
    for data in rows:
        with np.load(BytesIO(data[1:]), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if "nbr" in arrays:
            titles, places = arrays["nbr"].shape
            sets = places // WAYS
            pool = np.full(2 + sets, -1, np.int64)
            pool[0], pool[-1] = titles * places, 0
            span = places * np.arange(titles, dtype=np.int64) << BITS | sets
            arrays |= {name: arrays[name].reshape(-1) for name in ("nbr", "nbr_w")}
            arrays |= {"span": span, "pool": pool}
        upgraded = BytesIO()
        np.savez(upgraded, allow_pickle=False, **arrays)
        out.append(b"\2" + upgraded.getvalue())
    return out


VERSIONS = RowVersions("a snapshot").then(upgrade=_with_sets_of_neighbours)
"""Versions of the archive."""


def nested(snapshot: bytes) -> NDArray[np.uint8]:
    """Return the snapshot of a part as an array to store in that of the whole."""
    return np.frombuffer(snapshot, np.uint8)


def config_from(stored: Mapping[str, Any], kind: type[C] = ModelConfig) -> C:  # type: ignore[assignment]  # C's default
    """Return a configuration of a class from its JSON form; fields that are missing have their defaults.

    Examples
    --------
    >>> config_from(json.loads(json.dumps(asdict(ModelConfig())))) == ModelConfig()
    True
    """
    out: C = _instance(kind, stored)
    return out


def _instance(kind: type, stored: Mapping[str, Any]) -> Any:  # noqa: ANN401 - an instance of `kind`
    known = {field.name: field for field in fields(kind)}
    unknown = sorted(set(stored) - set(known))
    if unknown:
        msg = f"unknown settings in a configuration: {', '.join(unknown)}"
        raise ConfigMismatchError(msg)
    values: dict[str, Any] = {}
    for name, value in stored.items():
        if isinstance(value, dict):
            values[name] = _instance(cast("type", known[name].default_factory), value)
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)
