"""The state of River's rankers as arrays of numbers, so that it can be stored row by row, without pickle.

A class is declared by the attributes that learning changes: single numbers, random states, and dictionaries
by user or item (`STORED`). So its state is one array for the ranker, one for each user and one for each item,
and an event changes three of them and those of its negatives. Numbers are float64, which holds all of them
exactly, the 32-bit words of random states included: a ranker that was stored and loaded cannot be told from
its original.

Adding an attribute changes what the arrays mean. Then raise `VERSION`: state of another version is not read.
"""

import random
from collections.abc import Hashable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import numpy as np
from river import reco
from river.reco.base import Ranker

from online_models.errors import UnknownRankerError
from online_models.tables.layout import F8

__all__ = [
    "STORED",
    "VERSION",
    "Stored",
    "load_entry",
    "load_whole",
    "require_stored",
    "stored_entry",
    "stored_whole",
]

VERSION: Final = 1
"""Of the arrays of all classes (River 0.26)."""


@dataclass(frozen=True)
class Stored:
    """What learning changes in the rankers of a class.

    Attributes
    ----------
    numbers
        Numbers that are no user's and no item's.
    optimizers
        Optimizers. Those of a class with a state of its own besides `n_iterations` are refused.
    draws
        Initializers and other objects that draw random numbers: their random states.
    users, items
        Dictionaries from a user or item to a number or a vector.
    """

    numbers: tuple[str, ...] = ()
    optimizers: tuple[str, ...] = ()
    draws: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


_MEAN: Final = ("global_mean.n", "global_mean._mean")

STORED: Final[dict[type[Ranker], Stored]] = {
    reco.Baseline: Stored(
        numbers=_MEAN,
        optimizers=("u_optimizer", "i_optimizer"),
        draws=("initializer",),
        users=("u_biases",),
        items=("i_biases",),
    ),
    reco.BiasedMF: Stored(
        numbers=_MEAN,
        optimizers=("u_bias_optimizer", "i_bias_optimizer", "u_latent_optimizer", "i_latent_optimizer"),
        draws=("weight_initializer", "latent_initializer"),
        users=("u_biases", "u_latents"),
        items=("i_biases", "i_latents"),
    ),
    reco.FunkMF: Stored(
        optimizers=("u_optimizer", "i_optimizer"),
        draws=("initializer",),
        users=("u_latents",),
        items=("i_latents",),
    ),
    reco.RandomNormal: Stored(
        numbers=("mean.n", "mean._mean", "variance.mean.n", "variance.mean._mean", "variance._S"),
        draws=("",),
    ),
}
"""The classes whose state can be stored."""


def require_stored(ranker: Ranker) -> None:
    """Make sure that the state of a ranker can be stored.

    Raises
    ------
    UnknownRankerError
        Its class is not declared, or an optimizer keeps more than a count of its steps.

    Examples
    --------
    >>> from river import optim
    >>> require_stored(reco.FunkMF())
    >>> require_stored(reco.FunkMF(optimizer=optim.Adam()))
    Traceback (most recent call last):
    online_models.errors.UnknownRankerError: the state of FunkMF with Adam cannot be stored: use SGD
    """
    found = STORED.get(type(ranker))
    if found is None:
        known = ", ".join(f"river.reco.{one.__name__}" for one in STORED)
        msg = f"the state of {type(ranker).__name__} cannot be stored: use one of {known}"
        raise UnknownRankerError(msg)
    for name in found.optimizers:
        optimizer = getattr(ranker, name)
        if set(vars(optimizer)) != {"lr", "n_iterations"}:
            kinds = type(ranker).__name__, type(optimizer).__name__
            msg = "the state of {} with {} cannot be stored: use SGD".format(*kinds)
            raise UnknownRankerError(msg)


def stored_whole(ranker: Ranker) -> F8:
    """Return the state that belongs to no user and no item."""
    declared = STORED[type(ranker)]
    parts = [float(attrgetter(name)(ranker)) for name in declared.numbers]
    parts += [float(getattr(ranker, name).n_iterations) for name in declared.optimizers]
    for name in declared.draws:
        parts += _draw_state(_drawing(ranker, name))
    return np.array(parts)


def load_whole(ranker: Ranker, values: F8) -> None:
    """Set the state that belongs to no user and no item."""
    declared, left = STORED[type(ranker)], values.tolist()
    for name in declared.numbers:
        owner, _, attribute = name.rpartition(".")
        setattr(attrgetter(owner)(ranker), attribute, left.pop(0))
    for name in declared.optimizers:
        getattr(ranker, name).n_iterations = int(left.pop(0))
    for name in declared.draws:
        drawing = _drawing(ranker, name)
        size = len(_draw_state(drawing))
        _set_draw_state(drawing, left[:size])
        del left[:size]


def stored_entry(ranker: Ranker, key: Hashable, *, user: bool) -> F8:
    """Return the state of a user or an item, empty if the ranker has none; creates nothing."""
    tables = [getattr(ranker, name) for name in _tables(ranker, user=user)]
    parts = [np.atleast_1d(np.asarray(table[key], np.float64)) for table in tables if key in table]
    return np.concatenate(parts) if parts else np.zeros(0)


def load_entry(ranker: Ranker, key: Hashable, values: F8, *, user: bool) -> None:
    """Set the state of a user or an item; an empty array removes it."""
    rest = values
    for name in _tables(ranker, user=user):
        table = getattr(ranker, name)
        if not values.size:
            table.pop(key, None)
            continue
        vector = name.endswith("latents")
        size: int = vars(ranker)["n_factors"] if vector else 1
        table[key] = rest[:size].copy() if vector else float(rest[0])
        rest = rest[size:]


def _tables(ranker: Ranker, *, user: bool) -> tuple[str, ...]:
    declared = STORED[type(ranker)]
    return declared.users if user else declared.items


def _drawing(ranker: Ranker, name: str) -> Any:  # noqa: ANN401 - numpy's, Python's or none
    """Return what an attribute draws with; None if it draws nothing. The empty name is the ranker itself."""
    return getattr(getattr(ranker, name) if name else ranker, "_rng", None)


def _draw_state(drawing: Any) -> list[float]:  # noqa: ANN401
    """Return a random state as numbers: 624 words, place, whether a normal draw is kept, and the draw."""
    if drawing is None:
        return []
    if isinstance(drawing, random.Random):
        _, words, kept = drawing.getstate()
        return [*map(float, words), float(kept is not None), kept or 0.0]
    found = drawing.get_state(legacy=False)
    state = found["state"]
    return [*map(float, state["key"]), float(state["pos"]), float(found["has_gauss"]), float(found["gauss"])]


def _set_draw_state(drawing: Any, values: list[float]) -> None:  # noqa: ANN401
    if drawing is None:
        return
    *words, has_kept, kept = values
    if isinstance(drawing, random.Random):
        drawing.setstate((3, tuple(map(int, words)), kept if has_kept else None))
        return
    state = {"key": np.array(words[:-1], np.uint32), "pos": int(words[-1])}
    drawing.set_state({"bit_generator": "MT19937", "state": state, "has_gauss": int(has_kept), "gauss": kept})
