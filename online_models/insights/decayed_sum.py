r"""Sums that fade in event time: :math:`s \leftarrow s\,2^{-\Delta/H} + w`."""

from dataclasses import dataclass
from typing import Final

__all__ = ["DAY_MS", "FAST_MS", "SLOW_MS", "DecayedSum"]

DAY_MS: Final = 86_400_000
FAST_MS: Final = 2 * DAY_MS
"""Half-life of what is new: a weekend."""
SLOW_MS: Final = 28 * DAY_MS
"""Half-life of what is usual: four weeks have all weekdays in them as often."""


@dataclass(slots=True)
class DecayedSum:
    """A sum that fades; what comes late has faded by as much when it comes.

    Examples
    --------
    >>> fast = Fading()
    >>> fast.add(8.0, 0, FAST_MS); fast.add(1.0, FAST_MS, FAST_MS); fast.at(3 * FAST_MS, FAST_MS)
    1.25
    """

    value: float = 0.0
    at_ms: int = 0

    def add(self, amount: float, at_ms: int, half_life_ms: int) -> None:
        """Add something that happened at a time."""
        if at_ms > self.at_ms:
            self.value, self.at_ms = self.at(at_ms, half_life_ms), at_ms
        self.value += amount * 2.0 ** ((at_ms - self.at_ms) / half_life_ms)

    def at(self, now_ms: int, half_life_ms: int) -> float:
        """Return what is left at a time."""
        return float(self.value * 2.0 ** ((self.at_ms - max(now_ms, self.at_ms)) / half_life_ms))
