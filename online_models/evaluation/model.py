"""The interface of an evaluated model."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from online_models.evaluation.protocol import Block

__all__ = ["BlendedModel", "PrequentialModel", "Ranks"]

Ranks = npt.NDArray[np.float64]


class PrequentialModel(Protocol):
    """A model that ranks, then learns, event by event.

    For each event of a block, in order, a model ranks the event's title (if `Block.tested` is set) among
    **all** titles seen so far minus the titles of the viewer, and only then learns the event.
    """

    @property
    def columns(self) -> Sequence[str]:
        """Names of the rankings; one ranking may be named ``""`` and gets the model's name."""

    @property
    def every(self) -> int:
        """Rank every n-th tested event only (1: all), for slow models."""

    def rank_then_learn(self, block: Block) -> Ranks:
        """Return ranks, shape ``(events, columns)``.

        A rank is the number of candidates with a strictly better score plus half of those with an equal
        one: 0 is the top of the list. Ranks of untested events are ignored; ``inf`` is a certain miss.
        """


@runtime_checkable
class BlendedModel(Protocol):
    """A model that blends experts and reports their weights."""

    def blend_weights(self) -> Mapping[str, Ranks]:
        """Return the current weight of each expert by context, shape ``(contexts,)``; {} if unknown."""
