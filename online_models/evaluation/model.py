"""What an evaluated model offers."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from online_models.evaluation.protocol import Block

__all__ = ["BlendedModel", "PrequentialModel", "Ranks"]

Ranks = npt.NDArray[np.float64]


class PrequentialModel(Protocol):
    """A model that is asked, then told, event by event.

    For each event of a block, in order, a model ranks the event's title (where `Block.tested` says so)
    among **all** titles met so far minus those that the viewer already has, and only then learns the event.
    """

    @property
    def columns(self) -> Sequence[str]:
        """Names of the rankings made; one ranking may be named ``""`` and takes the model's own name."""

    @property
    def every(self) -> int:
        """Rank every so-manieth tested event only (1: all). For models too slow to rank each time."""

    def rank_then_learn(self, block: Block) -> Ranks:
        """Return ranks, shape ``(events, columns)``.

        A rank is the number of candidates with a strictly better score plus half of those with an equal
        one: 0 is the top of the list. Ranks of untested events are ignored; ``inf`` is a certain miss.
        """


@runtime_checkable
class BlendedModel(Protocol):
    """A model that blends experts and tells how much it trusts each."""

    def blend_weights(self) -> Mapping[str, Ranks]:
        """Return the present weight of each expert in every context, shape ``(contexts,)``; {} if unknown."""
