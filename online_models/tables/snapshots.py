"""Models as bytes, and back: `snapshot()` and `from_snapshot()` of every model of this package.

The law: a model made from a snapshot cannot be told from the one that was asked for it, neither by its lists
nor by what it learns afterwards (`checks.check_snapshot`). A snapshot holds names, numbers and arrays, never
code: whoever opens one of unknown origin runs nothing.

A snapshot is a byte of version and a NumPy archive. What a model gained since it was made has its initial
value; what changed its meaning needs a new version of :data:`VERSIONS` with an upgrade
(:mod:`online_models.tables.row_versions`), which takes and returns whole snapshots.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from io import BytesIO
from typing import Any, NamedTuple, TypeVar, cast
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from online_models.config import ModelConfig
from online_models.errors import ConfigMismatchError, RowVersionError
from online_models.tables.row_versions import RowVersions

__all__ = ["VERSIONS", "Snapshot", "config_from", "nested", "pack", "unpack"]

VERSIONS = RowVersions("a snapshot")
"""Versions of the archive."""
_FACTS = "facts"  # the archive's entry for all that is no array

C = TypeVar("C")


class Snapshot(NamedTuple):
    """What a model is made of."""

    facts: dict[str, Any]
    """Names and numbers, as JSON has them."""
    arrays: dict[str, NDArray[Any]]
    """The rest."""

    def part(self, name: str) -> bytes:
        """Return the snapshot of a part (:func:`nested`)."""
        return self.arrays[name].tobytes()


def pack(kind: str, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack a model of a kind.

    Examples
    --------
    >>> data = pack("toy", {"seed": 7}, {"taste": np.array([0.5])})
    >>> unpack("toy", data)
    Snapshot(facts={'kind': 'toy', 'seed': 7}, arrays={'taste': array([0.5])})
    """
    said = json.dumps({"kind": kind, **facts}, default=asdict).encode()
    archive = BytesIO()
    np.savez(archive, allow_pickle=False, **{_FACTS: np.frombuffer(said, np.uint8), **arrays})
    return bytes([VERSIONS.version]) + archive.getvalue()


def unpack(kind: str, data: bytes) -> Snapshot:
    """Read a snapshot of any version.

    Raises
    ------
    RowVersionError
        A newer program made it, or it is none.
    ConfigMismatchError
        It is of a model of another kind.
    """
    (current,) = VERSIONS.current([data], ModelConfig())
    try:
        with np.load(BytesIO(current[1:]), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(arrays.pop(_FACTS).tobytes())
    except (BadZipFile, EOFError, KeyError, OSError, ValueError) as error:
        msg = f"these bytes are no snapshot: {error}"
        raise RowVersionError(msg) from error
    if facts["kind"] != kind:
        msg = f"a snapshot of a {facts['kind']} makes no {kind}"
        raise ConfigMismatchError(msg)
    return Snapshot(facts, arrays)


def nested(snapshot: bytes) -> NDArray[np.uint8]:
    """Return a part's snapshot as an array of its whole's."""
    return np.frombuffer(snapshot, np.uint8)


def config_from(said: Mapping[str, Any], kind: type[C] = ModelConfig) -> C:  # type: ignore[assignment]  # C's default
    """Return a configuration of a class from its JSON form; fields that are missing have their defaults.

    Examples
    --------
    >>> config_from(json.loads(json.dumps(asdict(ModelConfig())))) == ModelConfig()
    True
    """
    out: C = _made(kind, said)
    return out


def _made(kind: type, said: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of the kind that is given
    known = {field.name: field for field in fields(kind)}
    unknown = sorted(set(said) - set(known))
    if unknown:
        msg = f"a configuration has settings that this program does not know: {', '.join(unknown)}"
        raise ConfigMismatchError(msg)
    values: dict[str, Any] = {}
    for name, value in said.items():
        if isinstance(value, dict):
            values[name] = _made(cast("type", known[name].default_factory), value)
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)
