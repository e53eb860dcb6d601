"""Whose copy a local database is: the changelog partition, and the worker, that its rows belong to.

A database is a cache of one changelog partition, and its positions mean nothing beside another. A folder can
outlive what it belongs to: another topic prefix or group, a Kafka that was created again, folders that were
moved. Its positions may still look usable then, and its rows would become part of a foreign state. So the
identity is stored with the first row, and compared each time the database is opened for writing.
"""

from dataclasses import dataclass, fields

import msgspec

__all__ = ["StoreIdentity"]


@dataclass(frozen=True, slots=True)
class StoreIdentity:
    """What the rows of a database belong to.

    Examples
    --------
    >>> mine = StoreIdentity("c1", "log", "7f3a", "nearline", "viewers", 0)
    >>> mine.difference(mine.packed()) is None
    True
    >>> mine.difference(StoreIdentity("c2", "log", "7f3a", "nearline", "viewers", 1).packed())
    'it belongs to cluster c2, partition 1, not to cluster c1, partition 0'
    >>> mine.difference(None)
    'it does not say what it belongs to'
    """

    cluster: str
    """Id of the Kafka cluster."""

    changelog: str
    """Name of the changelog topic."""

    topic_id: str
    """Id of the changelog topic, hexadecimal: a topic that is created again has another id."""

    group: str
    """Consumer group of the worker."""

    stage: str
    """Stage of the worker."""

    partition: int
    """Partition of the changelog and of the source."""

    layout: str = ""
    """Digest of the configuration that determines the fields of rows; empty if none does."""

    def packed(self) -> bytes:
        """Return it as bytes, as a database stores it."""
        return msgspec.json.encode(self)

    def difference(self, stored: bytes | None) -> str | None:
        """Return how the identity that a database stores differs from this one, with both values; None: not.

        Parameters
        ----------
        stored
            As :meth:`packed` returned it; None if the database has none.
        """
        if stored is None:
            return "it does not say what it belongs to"
        try:
            other = msgspec.json.decode(stored, type=type(self))
        except msgspec.MsgspecError:
            return "it does not say in a known format what it belongs to"
        names = [one.name for one in fields(self) if getattr(self, one.name) != getattr(other, one.name)]
        if not names:
            return None
        theirs, ours = (
            ", ".join(f"{name} {getattr(one, name)}" for name in names).replace("_", " ")
            for one in (other, self)
        )
        return f"it belongs to {theirs}, not to {ours}"
