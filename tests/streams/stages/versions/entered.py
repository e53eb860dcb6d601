"""Versions, markers and a register that tests write by hand."""

from collections.abc import Iterable
from dataclasses import dataclass

from schemas.versions import ModelVersion, SwitchMarker


def version(name: str, epoch: int = 0, live: str = "1") -> ModelVersion:
    """Make a version's entry."""
    return ModelVersion(name=name, fingerprint="-", epoch=epoch, registered_at_ms=10**12, live=live)


def marker(epoch: int, name: str) -> SwitchMarker:
    """Make a marker."""
    return SwitchMarker(epoch=epoch, version=name)


@dataclass
class Entered:
    """A standing over switches that are entered by hand."""

    registration: ModelVersion
    known: set[tuple[int, str]]

    def publishes(self) -> bool:
        """Say what the register says; no page depends on it."""
        return False

    def confirmed(self, markers: Iterable[SwitchMarker]) -> set[tuple[int, str]]:
        """Return those that were entered."""
        return {(one.epoch, one.version) for one in markers} & self.known
