"""What goes through a viewer's mind: what there is to watch, how well it would fit, how long to stay."""

import math
from typing import NamedTuple

from online_models.simulation.sitting import DISLIKED, EARLY_S

__all__ = ["Mind", "enjoyment", "watched"]


class Mind(NamedTuple):
    """What comes to mind at one choice: titles and how they fit, best liked first; titles in sight; draws."""

    titles: list[int]
    fits: list[float]
    shown: list[int]
    shown_fits: list[float]
    luck: list[float]
    dice: list[float]


def enjoyment(fit: float) -> float:
    """Return 0 to 1: half at a fit of 0.4, nine tenths at 0.77."""
    return 1.0 / (1.0 + math.exp(-6.0 * (fit - 0.4)))


def watched(enjoyed: float, luck: float, duration_s: float) -> float:
    """Return the share that is watched: at most 90 seconds of what disappoints, less of what is long."""
    if enjoyed < DISLIKED and luck > 0:
        return EARLY_S / max(duration_s, EARLY_S) / (1 + luck)
    return min(1.0, max(0.05, 0.25 + enjoyed - 0.2 * (duration_s / 6_000 - 1) + 0.15 * luck))
