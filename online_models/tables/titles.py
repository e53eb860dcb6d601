"""The titles' side: every title's vectors, neighbours and counters, in growing arrays.

One table serves three masters: the shard that learns it, the replica that every worker ranks from, and the
in-process recommender, which is both at once. Rows are numbered in order of arrival and never renumbered;
what identifies a title across processes is its key, a 63-bit hash of its id.
"""

import hashlib
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from online_models.config import BlendConfig, ModelConfig
from online_models.errors import NonFiniteRowError, RowVersionError
from online_models.tables import snapshots
from online_models.tables.derived_columns import BACKOFF, count_positives
from online_models.tables.feedback_layout import reward_params
from online_models.tables.hashing import fill_keyed, find_many, insert_many
from online_models.tables.layout import F4, I4, TAGS, U8, Params, Titles
from online_models.tables.rows import TITLE_ROWS
from online_models.tables.vector_norms import VectorNorms

__all__ = ["TagRows", "blank_titles", "kernel_params", "swap_tags"]


# The titles' arrays, fresh, and the configuration as the kernels take it.


class TagRows(NamedTuple):
    """What a shard's tags have learned."""

    names: list[str]
    vectors: F4
    """[tags, D + 2] output vector, bias, AdaGrad accumulator."""


def kernel_params(config: ModelConfig, seed: int) -> Params:
    """Return the configuration as the kernels take it."""
    f, c, b = config.factorization, config.cowatch, config.blend
    on = int(c.enabled)
    return Params(
        factors=f.factors,
        horizons=np.array(f.horizons, np.float64),
        history=f.history,
        negatives=f.negatives,
        learning_rate=f.learning_rate,
        tag_learning_rate=f.tag_learning_rate,
        viewer_learning_rate=f.viewer_learning_rate,
        taste_rejection=f.rejection * (f.negatives > 0),
        window=c.window * on,
        pair_decay=c.pair_decay,
        seeds=c.seeds * on,
        seed_decay=c.seed_decay,
        long_seeds=c.long_seeds * on,
        long_seed_decay=c.long_seed_decay,
        alpha=c.alpha,
        half_lives_ms=np.array(config.trending.half_lives_s, np.float64) * 1e3,
        floor=b.floor,
        blend_rate=b.rate,
        rivals=b.rivals,
        rejection=b.rejection,
        satisfaction=b.satisfaction,
        session_gap_ms=config.session_gap_s * 1e3,
        publish_drift=config.publish_drift,
        known_titles=config.known_titles,
        reward=reward_params(config.reward),
        seed=seed,
    )


def blank_titles(config: ModelConfig, capacity: int) -> Titles:
    """Allocate rows that no title has taken."""
    c, n, h = config, config.cowatch.neighbours, len(config.factorization.horizons)
    return Titles(
        out=np.zeros((capacity, c.width), np.float32),
        inp=np.zeros((capacity, c.input_width), np.float32),
        bias=np.zeros(capacity, np.float32),
        acc=np.full((capacity, 2 + h), c.factorization.initial_accumulator, np.float32),
        watches=np.zeros(capacity),
        norm=np.ones(capacity, np.float32),
        nbr=np.full((capacity, n), -1, np.int32),
        nbr_w=np.zeros((capacity, n), np.float32),
        trend=np.zeros((capacity, 3)),
        trend_at=np.zeros(capacity, np.int64),
        counts=np.zeros((capacity, 3), np.int64),
        active=np.zeros(capacity, np.int32),
        key=np.zeros(capacity, np.uint64),
        drift=np.zeros(capacity, np.float32),
        changed=np.zeros(capacity, np.uint8),
        prior=np.tile(unwatched(c.blend), (capacity, 1)),
        tags=np.full((capacity, TAGS), -1, np.int16),
        share=np.zeros(capacity, np.float32),
        tag_out=np.zeros((c.factorization.tags, c.width + 1), np.float32),
        tag_told=np.zeros((c.factorization.tags, c.width + 1), np.float32),
        tag_acc=np.full(c.factorization.tags, c.factorization.initial_accumulator, np.float32),
        size=np.zeros(5, np.int64),
    )


def swap_tags(titles: Titles, rows: I4, tags: NDArray[np.int16], told: NDArray[np.bool_]) -> None:
    """Give titles other tags; vectors take what these have told in place of the former ones'.

    Parameters
    ----------
    titles
        The rows.
    rows
        [n] titles, each once.
    tags
        [n, TAGS] their tags, -1 where there are no more.
    told
        [n] whether the output vector has their part already.
    """
    share = (np.maximum((tags >= 0).sum(axis=1), 1) ** -0.5).astype(np.float32)
    known = np.vstack((titles.tag_told, np.zeros_like(titles.tag_told[:1])))  # -1, no tag, is the last row
    part, former = np.zeros((2, rows.size, known.shape[1]), np.float32)
    for s in range(TAGS):
        part += known[tags[:, s]]
        former += known[titles.tags[rows, s]]
    part = share[:, None] * part - titles.share[rows][:, None] * former
    part[told] = 0.0
    titles.out[rows] += part[:, :-1]
    titles.bias[rows] += part[:, -1]
    titles.changed[rows] |= part.any(axis=1)
    titles.tags[rows], titles.share[rows] = tags, share


def unwatched(config: BlendConfig) -> F4:
    """Return the prior of a title that nobody watched (`Titles.prior`).

    Examples
    --------
    >>> unwatched(BlendConfig(floor=1.0)).tolist()
    [0.0, 0.0, 1.0, 0.0]
    """
    floor = np.log(config.floor)
    return np.array([floor, floor, np.exp(-BACKOFF * floor), 0.0], np.float32)


_OUT, _INP = 0, 1  # sides of the keyed initialisation
_START = 1_024  # rows allocated at first; doubled when full


def title_key(title_id: str) -> int:
    """Hash a title id to its key: 63 bits (the lowest stays free for a mark), never 0.

    100,000 titles collide with a probability of 5e-10.

    Examples
    --------
    >>> title_key("t1") & 1, title_key("t1") == title_key("t1")
    (0, True)
    """
    return (int.from_bytes(hashlib.blake2b(title_id.encode(), digest_size=8).digest(), "little") & ~1) or 2


class TitleTable:
    """Every title's row.

    Parameters
    ----------
    config
        Shapes and hyper-parameters.
    seed
        With a title's key it decides the initial vectors.

    Attributes
    ----------
    arrays
        The rows as the kernels see them. Growth replaces the tuple; who holds the former one reads a
        consistent past.
    lengths
        Of the output vectors; what changes one of these tells them.
    ids
        Title id of each row, "" while only the key is known.
    tags
        Names of the tags that have vectors.

    Examples
    --------
    >>> table = TitleTable(ModelConfig())
    >>> table.intern(["a", "b", "a"]).tolist(), len(table)
    ([0, 1, 0], 2)
    """

    def __init__(self, config: ModelConfig, *, seed: int = 0) -> None:
        self.config = config
        self.seed = seed
        self.params = kernel_params(config, seed)
        self.ids: list[str] = []
        self.tags: list[str] = []
        self._tag_numbers: dict[str, int] = {}
        self._rows: dict[str, int] = {}
        self._index: tuple[U8, I4] = (np.zeros(4 * _START, np.uint64), np.zeros(4 * _START, np.int32))
        self._lock, self.lengths = Lock(), VectorNorms()
        self.arrays = self._allocate(_START)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=Lock())

    def row(self, title_id: str) -> int | None:
        """Row of a title, None where unknown. Creates nothing."""
        return self._rows.get(title_id)

    def intern(self, title_ids: Sequence[str]) -> I4:
        """Rows of titles, making new ones; -1 for new titles beyond the capacity."""
        rows = self._rows
        try:
            return np.array([rows[t] for t in title_ids], np.int32)
        except KeyError:
            return self._intern_new(title_ids)

    def by_key(self, keys: U8) -> I4:
        """Rows of keys, making nameless new ones; -1 beyond the capacity."""
        out = np.empty(keys.size, np.int32)
        if find_many(*self._index, keys, out):
            with self._lock:
                fresh = np.unique(keys[out < 0])
                self._add(fresh[: max(0, self.config.title_capacity - len(self))], None)
            find_many(*self._index, keys, out)
        return out

    def pack(self, rows: I4) -> NDArray[np.void]:
        """Return packed rows (:data:`TITLE_ROWS`) and start their drift anew.

        Raises
        ------
        NonFiniteRowError
            A vector, weight or counter is not finite: nothing must be written.
        """
        a = self.arrays
        out = np.zeros(rows.size, TITLE_ROWS.dtype(self.config))
        out["version"] = TITLE_ROWS.version
        for name in ("bias", "acc", "watches", "trend", "trend_at", "counts", "out", "inp", "nbr_w"):
            out[name] = getattr(a, name)[rows]
        nbr = a.nbr[rows]
        out["nbr"] = np.where(nbr >= 0, a.key[nbr], np.uint64(0))
        if not all(
            np.isfinite(out[name]).all()
            for name in ("bias", "acc", "watches", "trend", "out", "inp", "nbr_w")
        ):
            msg = "a title's row is not finite after learning"
            raise NonFiniteRowError(msg)
        a.drift[rows] = 0.0
        a.changed[rows] = 0
        return out

    def load(self, title_ids: Sequence[str], packed: NDArray[np.void]) -> I4:
        """Take packed rows over; returns their rows. Rows beyond the capacity are left out (-1).

        Raises
        ------
        RowVersionError
            They are not of the newest version.
        """
        if (packed["version"] != TITLE_ROWS.version).any():
            msg = f"titles' rows have to be brought to version {TITLE_ROWS.version} first"
            raise RowVersionError(msg)
        rows = self.intern(title_ids)
        nbr = self.by_key(packed["nbr"].ravel()[packed["nbr"].ravel() != 0])
        fits = rows >= 0
        all_nbr = np.full(packed["nbr"].shape, -1, np.int32)
        all_nbr[packed["nbr"] != 0] = nbr
        with self._lock:  # or another thread could grow the arrays between two writes
            self._write(rows[fits], packed[fits], all_nbr[fits])
        return rows

    def _write(self, rows: I4, packed: NDArray[np.void], nbr: I4) -> None:
        """Lay packed rows over the arrays; the caller holds the lock."""
        a = self.arrays
        for name in ("bias", "acc", "watches", "trend", "trend_at", "out", "inp", "nbr_w"):
            getattr(a, name)[rows] = packed[name]
        a.nbr[rows] = nbr
        self.lengths.moved(rows)
        told, more = a.size[4], int(packed["counts"][:, 0].sum() - a.counts[rows, 0].sum())
        first = np.unique(rows[(a.counts[rows, 0] == 0) & (packed["counts"][:, 0] > 0)])
        a.active[a.size[1] : a.size[1] + first.size] = first
        a.size[1] += first.size
        a.counts[rows] = packed["counts"]
        a.norm[rows] = np.maximum(a.watches[rows], 1.0) ** -self.config.cowatch.alpha
        count_positives(a, self.params, max(0, more))
        if a.size[4] != told:
            self.lengths.forget()

    def label(self, rows: I4, labels: Sequence[Iterable[str]], *, told: ArrayLike = False) -> None:
        """Say what tags titles have; their output vectors take their part in place of their former ones'.

        Parameters
        ----------
        rows
            [n] titles, each once.
        labels
            Names of tags of each; those beyond the first `TAGS`, or for which there is no room, play no part.
        told
            Which output vectors have their part already, as one that was stored has: [n], or of all.
        """
        tags = np.array([self._tag_row(names) for names in labels], np.int16).reshape(-1, TAGS)
        new = (tags != self.arrays.tags[rows]).any(axis=1)
        swap_tags(
            self.arrays, rows[new], tags[new], np.broadcast_to(np.asarray(told, np.bool_), new.shape)[new]
        )
        self.lengths.moved(rows[new])

    def tag_rows(self) -> TagRows:
        """Return what the tags have learned."""
        a, n = self.arrays, len(self.tags)
        return TagRows(list(self.tags), np.column_stack((a.tag_out[:n], a.tag_acc[:n])))

    def load_tags(self, rows: TagRows) -> None:
        """Go on from what tags had learned; titles that are loaded know it already."""
        if rows.names and rows.vectors.shape[1] == self.config.width + 2:
            numbers = [n for n in map(self._tag_number, rows.names) if n >= 0]
            self.arrays.tag_out[numbers] = rows.vectors[: len(numbers), :-1]
            self.arrays.tag_told[numbers] = self.arrays.tag_out[numbers]
            self.arrays.tag_acc[numbers] = rows.vectors[: len(numbers), -1]

    def _tag_row(self, names: Iterable[str]) -> list[int]:
        """Return the numbers of a title's tags as its row holds them."""
        numbers = [n for n in map(self._tag_number, dict.fromkeys(names)) if n >= 0][:TAGS]
        return numbers + [-1] * (TAGS - len(numbers))

    def _tag_number(self, name: str) -> int:
        """Return the number of a tag, a new one if there is room; -1 if there is none."""
        number = self._tag_numbers.get(name, -1)
        if number < 0 and len(self.tags) < self.config.factorization.tags:
            number = self._tag_numbers[name] = len(self.tags)
            self.tags.append(name)
        return number

    def snapshot(self) -> bytes:
        """Return the table as bytes (:mod:`online_models.tables.snapshots`). Changes nothing."""
        facts = {"config": self.config, "seed": self.seed, "ids": self.ids, "tags": self.tags}
        whole = ("size", "tag_out", "tag_told", "tag_acc")
        columns = self.arrays._asdict().items()
        used = {name: column if name in whole else column[: len(self)] for name, column in columns}
        return snapshots.pack("TitleTable", facts, used)

    @classmethod
    def from_snapshot(cls, data: bytes) -> "TitleTable":
        """Return the table that a snapshot was made of."""
        facts, arrays = snapshots.unpack("TitleTable", data)
        out = cls(snapshots.config_from(facts["config"]), seed=facts["seed"])
        out.ids, out.tags = facts["ids"], facts.get("tags", [])
        out._tag_numbers = {name: number for number, name in enumerate(out.tags)}
        out._rows = {title_id: row for row, title_id in enumerate(out.ids) if title_id}
        out.arrays = out._allocate(max(_START, len(out)))
        for name, column in arrays.items():
            getattr(out.arrays, name)[: len(column)] = column
        out._rehash(4 * max(_START, len(out)))
        return out

    def changed(self) -> I4:
        """Rows with a change worth a record."""
        return np.flatnonzero(self.arrays.changed[: len(self)]).astype(np.int32)

    def _intern_new(self, title_ids: Sequence[str]) -> I4:
        with self._lock:
            fresh = dict.fromkeys(t for t in title_ids if t not in self._rows)
            keys = np.array([title_key(t) for t in fresh], np.uint64)
            at = np.empty(keys.size, np.int32)
            find_many(*self._index, keys, at)
            for title_id, row in zip(fresh, at.tolist(), strict=True):
                if row >= 0:
                    self._rows[title_id] = row
                    self.ids[row] = title_id
            new = [(t, k) for t, k, row in zip(fresh, keys, at, strict=True) if row < 0]
            new = new[: max(0, self.config.title_capacity - len(self))]
            self._add(np.array([k for _, k in new], np.uint64), [t for t, _ in new])
        return np.array([self._rows.get(t, -1) for t in title_ids], np.int32)

    def _add(self, keys: U8, names: Iterable[str] | None) -> None:
        """Add rows; the caller holds the lock."""
        first, last = len(self.ids), len(self.ids) + keys.size
        if last > self.arrays.bias.size:
            self.arrays = self._allocate(max(last, 2 * self.arrays.bias.size))
        if 2 * last > self._index[0].size:
            self._rehash(4 * last)
        a, scale = self.arrays, self.config.factorization.initial_scale
        a.key[first:last] = keys
        for row in range(first, last):
            fill_keyed(a.out[row], self.seed, _OUT, a.key[row], scale)
            fill_keyed(a.inp[row], self.seed, _INP, a.key[row], scale)
        named = list(names) if names is not None else [""] * int(keys.size)
        self.ids.extend(named)
        insert_many(*self._index, keys, first)
        a.size[0] = last
        for row, title_id in enumerate(named, first):
            if title_id:
                self._rows[title_id] = row

    def _rehash(self, least: int) -> None:
        size = 1 << (least - 1).bit_length()
        keys, values = np.zeros(size, np.uint64), np.zeros(size, np.int32)
        insert_many(keys, values, self.arrays.key[: len(self.ids)], 0)
        self._index = (keys, values)

    def _allocate(self, capacity: int) -> Titles:
        fresh = blank_titles(self.config, capacity)
        if hasattr(self, "arrays"):
            for name in Titles._fields:
                former: F4 = getattr(self.arrays, name)
                getattr(fresh, name)[: len(former)] = former
        return fresh
