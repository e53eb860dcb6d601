"""River's interface over a `Recommender`: the base classes of `online_models.river.experts`."""

from abc import abstractmethod
from ast import literal_eval
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from river.reco.base import Ranker

from online_models.config import EXPERTS, BlendConfig, ModelConfig
from online_models.feedback.reward_function import Action
from online_models.ranking.scorer import hide_known
from online_models.ranking.viewer_side import EventColumns
from online_models.recommender import Recommender
from online_models.tables import snapshots
from online_models.tables.hashing import hash_ids
from online_models.tables.layout import F8

__all__ = ["Expert", "RowExpert", "name_of", "only"]


def name_of(key: Hashable) -> str:
    r"""Return the id of a user or an item of any type; a string is its own id.

    Examples
    --------
    >>> name_of("7"), name_of(7), name_of(np.int64(7)) == name_of(7)
    ('7', '\x007', True)
    """
    if isinstance(key, str):
        return str(key)
    return f"\0{key.item() if isinstance(key, np.generic) else key!r}"


def only(**weight: float) -> BlendConfig:
    """Return a blend in which only the given learners have weights, and the weights do not learn."""
    silent: dict[str, Any] = dict.fromkeys((*EXPERTS, "rejection", "rate"), 0.0)
    return BlendConfig(**{**silent, **weight})


def _item_of(name: str) -> Hashable:
    """Return the item of an id; None if the id is the ``repr`` of something that is no literal."""
    if not name.startswith("\0"):
        return name
    try:
        out: Hashable = literal_eval(name[1:])
    except (ValueError, SyntaxError):
        return None
    return out


class Expert(Ranker):
    """A River ranker over a `Recommender`.

    Parameters
    ----------
    viewer_slots, title_capacity
        Largest number of users and items. When all slots are taken, the user without events for the longest
        time is evicted; further items are not learned.
    seed
        Seed of every draw.

    Attributes
    ----------
    config_type
        Class of the constructor's ``config``, for `from_snapshot`.
    """

    config_type: ClassVar[type] = ModelConfig

    def __init__(self, *, viewer_slots: int, title_capacity: int, seed: int) -> None:
        super().__init__(seed)
        self.viewer_slots = viewer_slots
        self.title_capacity = title_capacity
        self._items: dict[str, Hashable] = {}
        self._newest = 0
        self._model = Recommender(self._config(), seed=seed)

    @abstractmethod
    def _config(self) -> ModelConfig:
        """Return the configuration in which only this learner is active."""

    def learn_one(  # type: ignore[override]  # River's Number is no float to a type checker
        self, user: Hashable, item: Hashable, y: float, x: Mapping[str, Any] | None = None
    ) -> None:
        """Learn one reaction: a positive of weight ``y``, or for ``y <= 0`` a rejection.

        Parameters
        ----------
        user, item
            Ids.
        y
            Strength: a boolean, a rating minus the neutral rating, a share watched.
        x
            ``event_time_ms`` and ``event_id``, if known.
        """
        self.learn_many([(user, item, y, x)])

    def learn_many(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Learn rows ``(user, item, y)`` or ``(user, item, y, x)`` in order: as `learn_one`, but faster."""
        batch = [self._read(*row) for row in rows]
        if not batch:
            return
        users, items, rewards, at, events = zip(*batch, strict=True)
        titles = [name_of(item) for item in items]
        actions = [int(Action.POSITIVE if y > 0 else Action.REJECT) for y in rewards]
        weights = [y if y > 0 else 1.0 for y in rewards]
        hashes = np.where([e is None for e in events], np.uint64(0), hash_ids([e or "" for e in events]))
        self._learn(EventColumns([name_of(u) for u in users], titles, actions, weights, at, hashes))
        for title, item in zip(titles, items, strict=True):
            if self._model.titles.row(title) is not None:
                self._items.setdefault(title, item)

    def _learn(self, batch: EventColumns) -> None:
        """Learn a batch."""
        self._model.prequential(batch)

    def _extra_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of a snapshot that the recommender does not hold."""
        return {}

    def _load_extra(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Load what `_extra_arrays` returned."""

    def snapshot(self) -> bytes:
        """Return the model as bytes (:mod:`online_models.tables.snapshots`). Changes nothing.

        Raises
        ------
        ValueError
            An item is no string, number or tuple of these: its id cannot be turned back into the item.
        """
        lost = next((item for name, item in self._items.items() if _item_of(name) != item), None)
        if lost is not None:
            msg = f"items of type {type(lost).__name__} cannot be restored from a snapshot"
            raise ValueError(msg)
        facts = {"params": self._get_params(), "items": list(self._items), "newest": self._newest}
        model = {"model": snapshots.nested(self._model.snapshot())}
        return snapshots.pack(type(self).__name__, facts, model | self._extra_arrays())

    @classmethod
    def from_snapshot(cls, data: bytes) -> Self:
        """Return a model that ranks and learns exactly as the model of the snapshot.

        Raises
        ------
        RowVersionError
            The snapshot is of a newer program, or no snapshot.
        ConfigMismatchError
            The snapshot is of another learner.
        """
        found = snapshots.unpack(cls.__name__, data)
        params: Any = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in found.facts["params"].items()
        }
        if params.get("config"):
            params["config"] = snapshots.config_from(params["config"], cls.config_type)
        out = cls(**params)
        out._items = {name: _item_of(name) for name in found.facts["items"]}
        out._newest = found.facts["newest"]
        out._model = Recommender.from_snapshot(found.part("model"))
        out._load_extra(found.arrays)
        return out

    def _read(
        self, user: Hashable, item: Hashable, y: float, x: Mapping[str, Any] | None = None
    ) -> tuple[Hashable, Hashable, float, int, str | None]:
        """Return a row with its time (by default the newest time so far) and event id."""
        context = x or {}
        at = int(context.get("event_time_ms", self._newest))
        self._newest = max(self._newest, at)
        return user, item, float(y), at, context.get("event_id")

    def predict_one(  # type: ignore[override]  # as above
        self, user: Hashable, item: Hashable, x: Mapping[str, Any] | None = None
    ) -> float:
        """Return the item's score for the user; -inf for an item without a positive. Creates nothing.

        Each call scores the whole catalog: use `predict_many`, `rank` or `top_n` for more than a few items.
        """
        del x
        return self.predict_many(user, [item])[0]

    def predict_many(self, user: Hashable, items: Iterable[Hashable]) -> list[float]:
        """Return the scores of items for a user, as `predict_one` does; the catalog is scored once."""
        scores = self._model.score(name_of(user))
        return [scores.get(name_of(item), float("-inf")) for item in items]

    def rank(
        self, user: Hashable, items: Iterable[Hashable], x: Mapping[str, Any] | None = None
    ) -> list[Hashable]:
        """Sort items for a user, best first. Creates nothing.

        Items with equal scores keep the order of their first events; items without a positive are last, by
        name. The order of ``items`` has no effect.
        """
        del x
        named = {name_of(item): item for item in items}
        return [named[name] for name in self._model.rank(name_of(user), named)]

    def top_n(
        self, user: Hashable, n: int = 20, exclude: Collection[Hashable] = ()
    ) -> list[tuple[Hashable, float]]:
        """Return the best items that the user does not have, with their scores, best first. Creates nothing.

        Parameters
        ----------
        user
            Known or unknown: an unknown user gets the items that all users like most.
        n
            Length of the list; shorter if there are fewer items.
        exclude
            Further items to leave out.
        """
        unwanted = {name_of(item) for item in exclude}
        best = self._model.top_n(name_of(user), n + len(unwanted))
        return [(self._items[t], s) for t, s in best if t not in unwanted][:n]


class RowExpert(Expert):
    """A River ranker that computes its scores in numpy; the `Recommender` only stores users and items."""

    @abstractmethod
    def _scores(self, slot: int | None) -> F8:
        """Return the score of every row of the title table for a viewer's slot, None for an unknown user."""

    def _row(self, user: Hashable) -> tuple[int | None, F8]:
        """Return a user's slot and score row: -inf for titles without a positive."""
        model = self._model
        slot = model.viewers.viewers.slot(name_of(user))
        active = model.titles.arrays.counts[: len(model.titles), 0] > 0
        return slot, np.where(active, self._scores(slot), -np.inf)

    def predict_many(self, user: Hashable, items: Iterable[Hashable]) -> list[float]:
        """Return the scores of items for a user; -inf for an item without a positive. Creates nothing."""
        row, rows = self._row(user)[1], map(self._model.titles.row, map(name_of, items))
        return [float("-inf") if at is None else float(row[at]) for at in rows]

    def rank(self, user: Hashable, items: Iterable[Hashable], x: object = None) -> list[Hashable]:
        """Sort items for a user, best first; ties as in `Expert.rank`."""
        del x
        named = {name_of(item): item for item in items}
        scores = dict(zip(named, self.predict_many(user, named.values()), strict=True))
        rows = {name: self._model.titles.row(name) for name in named}
        known = {name: at for name, at in rows.items() if at is not None and np.isfinite(scores[name])}
        order = sorted(
            named, key=lambda name: (-scores[name], known.get(name, len(self._model.titles)), name)
        )
        return [named[name] for name in order]

    def top_n(
        self, user: Hashable, n: int = 20, exclude: Collection[Hashable] = ()
    ) -> list[tuple[Hashable, float]]:
        """Return the best items that the user does not have, with scores, best first. Creates nothing."""
        slot, row = self._row(user)
        if slot is not None:
            known = np.zeros(row.size, np.float32)
            hide_known(self._model.viewers.viewers.arrays, slot, known)
            row += known
        for at in map(self._model.titles.row, map(name_of, exclude)):
            if at is not None:
                row[at] = -np.inf
        best = np.argsort(-row, kind="stable")[:n].tolist()
        return [(self._items[self._model.titles.ids[at]], float(row[at])) for at in best if row[at] > -np.inf]
