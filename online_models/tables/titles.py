"""The table of titles: vectors, neighbours and counters of every title, in growing arrays.

The same class serves the shard that learns titles, the replica from which each worker ranks, and the
in-process recommender, which is both at once. Rows are numbered in order of arrival and never renumbered.
Across processes a title is identified by its key, a 63-bit hash of its id.

Ids come from whoever may write events, and may be invented. So `ModelConfig.title_capacity` bounds the titles
that the catalog does not have; those of the catalog always have room. The shard that learns titles evicts
some of the others (`TitleTable.evict`), and rows of evicted titles are used again.
"""

import hashlib
from collections.abc import Collection, Sequence
from itertools import chain, islice
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from online_models.config import WAYS, ModelConfig
from online_models.errors import NonFiniteRowError, RowVersionError
from online_models.tables import snapshots
from online_models.tables.aligned import aligned_zeros
from online_models.tables.changed_rows import MOVED_SHARE, ChangedRows
from online_models.tables.derived_columns import count_positives, update_priors
from online_models.tables.hash_table import KeyIndex
from online_models.tables.keyed_random import fill_keyed_rows
from online_models.tables.layout import F4, I4, TAGS, U8, Titles
from online_models.tables.neighbours import (
    BITS,
    MASK,
    copy_neighbours,
    count_neighbours,
    drop_neighbours,
    gather_neighbours,
    most_places,
    release_neighbours,
    restore_neighbours,
)
from online_models.tables.numbering import spans_of
from online_models.tables.packed_fields import (
    PackedFields,
    are_finite,
    read_fields,
    write_fields,
)
from online_models.tables.rows import NEIGHBOUR, TITLE_ROWS, PackedTitles
from online_models.tables.tag_numbers import TagNumbers, TagRows, fill_tags, replace_tags
from online_models.tables.texts import TextColumn
from online_models.tables.title_arrays import LEARNING, START_PLACES, empty_titles, kernel_params
from online_models.tables.vector_norms import VectorNorms

__all__ = ["TitleTable", "title_key"]


_OUT, _INP = 0, 1  # sides of the keyed initialisation
_START = 1_024  # rows allocated at first; doubled when full
_BY_ROW = (
    "out", "inp", "bias", "acc", "watches", "norm", "span", "trend", "trend_at", "counts", "key",
    "drift", "changed", "prior", "tags", "share",
)  # fmt: skip
"""Columns with one entry a title, `active` excepted."""
_POOL = ("nbr", "nbr_w", "pool")
MOST_RECENT = 1 << 16
"""Ids whose rows are in a dict, 7 MB: a look-up takes .04 us there, 1.9 us by the key of the id."""
FREE_SHARE = 0.2
"""Share of the places of neighbours that may be free: titles that grow leave a third behind (measured with
100,000 titles of four watches each), and only titles that grow later can use them."""


def title_key(title_id: str) -> int:
    """Hash a title id to its key: 63 bits (the lowest is free for a mark), never 0.

    Two of 100,000 titles collide with a probability of 5e-10.

    Examples
    --------
    >>> title_key("t1") & 1, title_key("t1") == title_key("t1")
    (0, True)
    """
    return (int.from_bytes(hashlib.blake2b(title_id.encode(), digest_size=8).digest(), "little") & ~1) or 2


_PACKED = ("bias", "acc", "watches", "trend", "trend_at", "counts", "out", "inp")
"""Columns that are packed unchanged."""


class TitleTable:
    """Every title's row.

    Parameters
    ----------
    config
        Shapes and hyper-parameters.
    seed
        Determines the initial vectors, together with a title's key.
    learns
        Whether titles are learned here, or rows are only loaded, as in a replica: then neighbours take as few
        places as hold them, there are no accumulators, and titles have no tags to learn by.

    Attributes
    ----------
    arrays
        The rows as kernels see them. Growth replaces the tuple; a reader of the former one sees a consistent
        earlier state.
    changes
        Rows whose output vectors, biases or priors have changed. Whatever changes these marks them, but for
        `derived_columns.refresh_prior`, which counts in ``arrays.size``.
    norms
        Norms of the output vectors.
    ids
        Title id of each row, "" while only the key is known.
    reused
        How many rows of evicted titles were given to others.

    Examples
    --------
    >>> table = TitleTable(ModelConfig())
    >>> table.intern(["a", "b", "a"]).tolist(), len(table)
    ([0, 1, 0], 2)
    """

    def __init__(self, config: ModelConfig, *, seed: int = 0, learns: bool = True) -> None:
        self.config = config
        self.seed = seed
        self._learns = learns
        self.params = kernel_params(config, seed)
        self.ids = TextColumn()
        self._tag_numbers = TagNumbers(config.factorization.tags)
        self._recent: dict[str, int] = {}
        self._free: list[int] = []
        self.reused = 0
        self._in_catalog: NDArray[np.bool_] = np.zeros(_START, np.bool_)
        self._lock, self.changes = Lock(), ChangedRows()
        self.norms = VectorNorms(self.changes)
        self.arrays = self._allocate(_START)
        self._index = self._indexed()

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=Lock())

    @property
    def tags(self) -> list[str]:
        """Names of the tags that have vectors, by their numbers."""
        return self._tag_numbers.names

    def row(self, title_id: str) -> int | None:
        """Return the row of a title, None if it has none. Creates nothing."""
        row = self._recent.get(title_id)
        if row is None:
            row = int(self.find(np.array([title_key(title_id)], np.uint64))[0])
        return row if row >= 0 else None

    @property
    def outside(self) -> int:
        """Number of titles that the catalog does not have, as far as `mark_in_catalog` was told."""
        return len(self.ids) - len(self._free) - int(np.count_nonzero(self._in_catalog[: len(self.ids)]))

    def rows_outside(self) -> I4:
        """Return the rows of titles that the catalog does not have."""
        n = len(self.ids)
        return np.flatnonzero((self.arrays.key[:n] != 0) & ~self._in_catalog[:n]).astype(np.int32)

    def mark_in_catalog(self, rows: I4, found: ArrayLike = True) -> None:  # noqa: FBT002 - one or an array
        """Note whether titles are in the catalog: then they do not count towards the capacity."""
        with self._lock:
            self._in_catalog[rows] = found

    def intern(self, title_ids: Sequence[str], *, admit: bool = False) -> I4:
        """Return the rows of titles; makes rows for new titles, -1 beyond the capacity.

        Parameters
        ----------
        title_ids
            The titles.
        admit
            Whether they have room in any case: titles of the catalog, rows of the stage itself.
        """
        recent = self._recent
        try:
            return np.array([recent[t] for t in title_ids], np.int32)
        except KeyError:
            return self._intern_others(title_ids, admit=admit)

    def by_key(self, keys: U8, *, admit: bool = False) -> I4:
        """Return the rows of keys; makes rows without a name for new keys, -1 beyond the capacity.

        `admit` is as for `intern`.
        """
        out = self._index.find_many(keys)
        if (out < 0).any():
            with self._lock:
                unknown = np.unique(keys[out < 0])
                unknown = unknown[self._index.find_many(unknown) < 0]  # another thread may have added some
                self._add(unknown if admit else unknown[: self._room()])
            out = self._index.find_many(keys)
        return out

    def find(self, keys: U8) -> I4:
        """Return the rows of keys, -1 where there is none. Creates nothing."""
        return self._index.find_many(keys)

    def evict(self, rows: I4) -> I4:
        """Evict titles; new titles will use their rows, so nobody may still hold their numbers.

        Returns
        -------
        rows
            Rows that lost neighbours, and are marked as changed: stored rows must not name an evicted title.

        Raises
        ------
        ValueError
            This table does not learn.
        """
        self._require_learning()
        a, fresh = self.arrays, empty_titles(self.config, 1)
        gone, lost = np.zeros(len(self), np.uint8), np.zeros(len(self), np.uint8)
        gone[rows] = 1
        with self._lock:
            self._index.remove(rows)
            release_neighbours(a, rows)
            drop_neighbours(a, gone, lost)
            for title_id in self.ids.many(rows):
                self._recent.pop(title_id, None)
            self.ids.put(rows, [None] * rows.size)
            self._tag_numbers.count(self.arrays.tags[rows], -1)
            for name in _BY_ROW:
                getattr(a, name)[rows] = getattr(fresh, name)[0]
            self._deactivate(rows)
            self._in_catalog[rows] = False
            self._free.extend(rows.tolist())
        losers: I4 = np.flatnonzero(lost).astype(np.int32)
        a.changed[losers] = 1
        self.changes.mark(rows)
        return losers

    def mark_learned(self, rows: I4) -> None:
        """Mark rows that a batch of feedback has moved (``learners.factorization.moved_rows``) as changed."""
        if rows.size > self.arrays.bias.size // MOVED_SHARE:
            self.changes.mark_all()
        else:
            self.changes.mark(rows.copy())

    def retire(self, rows: I4) -> None:
        """Forget what was learned of titles that the titles stage has evicted; they keep their rows here."""
        a = self.arrays
        with self._lock:
            for name in ("watches", "trend", "counts"):
                getattr(a, name)[rows] = 0
            release_neighbours(a, rows)
            a.norm[rows] = 1.0
            self._deactivate(rows)

    def _deactivate(self, rows: I4) -> None:
        """Take titles from the active ones; a kernel that reads meanwhile sees one twice, or misses it."""
        a = self.arrays
        active = a.active[: a.size[1]]
        kept = active[~np.isin(active, rows)]
        a.active[: kept.size] = kept
        a.size[1] = kept.size

    def _room(self) -> int:
        """Return how many more titles outside of the catalog have room."""
        return max(0, self.config.title_capacity - self.outside)

    def neighbours(self, row: int) -> tuple[I4, F4]:
        """Return the neighbours of a title, as rows, and the weights of their pairs.

        Examples
        --------
        >>> table = TitleTable(ModelConfig())
        >>> table.neighbours(int(table.intern(["a"])[0]))
        (array([], dtype=int32), array([], dtype=float32))
        """
        a = self.arrays
        first, sets = int(a.span[row]) >> BITS, int(a.span[row]) & MASK
        near, weights = a.nbr[first : first + WAYS * sets], a.nbr_w[first : first + WAYS * sets]
        return near[near >= 0], weights[near >= 0]

    def reserve_pairs(self, pairs: int) -> None:
        """Make room for the neighbours that so many pairs of titles bring, at most.

        Raises
        ------
        ValueError
            This table does not learn: it would not find a neighbour that a title has.
        """
        self._require_learning()
        with self._lock:  # as for every growth: another thread may name titles
            self.reserve_neighbours(most_places(2 * pairs, len(self), self.arrays.pool.size - 2))

    def reserve_neighbours(self, places: int) -> None:
        """Make room in the pool for so many places of neighbours; the caller holds the lock.

        Free places go where they became many.
        """
        a, (used, free) = self.arrays, self.arrays.pool[[0, -1]].tolist()
        if used + places > a.nbr.size or free > FREE_SHARE * used + START_PLACES:
            size = (used - free + max((used - free) // 2, 2 * places),)
            wider = a.replace(
                span=np.zeros_like(a.span),
                nbr=aligned_zeros(size, np.int32),
                nbr_w=aligned_zeros(size, np.float32),
                pool=np.empty_like(a.pool),
            )
            copy_neighbours(a, wider)
            self.arrays = wider  # whoever reads the former arrays finds places that these have

    def pack(self, rows: I4) -> PackedTitles:
        """Return packed rows, and reset their drift and marks of change.

        Raises
        ------
        ValueError
            This table does not learn.
        NonFiniteRowError
            A vector, weight or counter is not finite. Write nothing.
        """
        self._require_learning()
        a, row = self.arrays, TITLE_ROWS.dtype(self.config)
        out = np.empty(rows.size, row)
        out["version"] = TITLE_ROWS.version
        places = out.view(np.uint8).reshape(rows.size, row.itemsize)
        write_fields(*PackedFields.of({name: getattr(a, name) for name in _PACKED}, row), rows, places)
        sets, counts = np.empty((2, rows.size), np.int32)
        finite = count_neighbours(a, rows, sets, counts)
        finite = finite and are_finite((a.bias[:, None], a.acc, a.out, a.inp), rows)
        if not (finite and are_finite((a.watches[:, None], a.trend), rows)):
            msg = "a title's row is not finite after learning"
            raise NonFiniteRowError(msg)
        out["sets"], out["neighbours"] = sets, counts
        packed = PackedTitles(out, np.empty(int(counts.sum()), NEIGHBOUR))
        keys, weights = np.empty(packed.pairs.size, np.uint64), np.empty(packed.pairs.size, np.float32)
        gather_neighbours(a, rows, packed.starts, keys, weights)
        packed.pairs["key"], packed.pairs["weight"] = keys, weights
        a.drift[rows] = 0.0
        a.changed[rows] = 0
        return packed

    def load(self, title_ids: Sequence[str], packed: PackedTitles, *, admit: bool = False) -> I4:
        """Load packed rows; return their rows in this table, -1 for those left out beyond the capacity.

        Parameters
        ----------
        title_ids, packed
            The titles and their rows.
        admit
            Whether all have room: the titles stage reads what it has written.

        Raises
        ------
        RowVersionError
            A packed row is not of the newest version.
        """
        return self._load(self.intern(title_ids, admit=admit), packed, admit=admit)

    def load_by_key(self, keys: U8, packed: PackedTitles, *, admit: bool = False) -> I4:
        """Load packed rows of titles whose names are not known; otherwise like `load`."""
        return self._load(self.by_key(keys, admit=admit), packed, admit=admit)

    def _load(self, rows: I4, packed: PackedTitles, *, admit: bool) -> I4:
        fixed, fits = packed.fixed, rows >= 0
        if (fixed["version"] != TITLE_ROWS.version).any():
            msg = f"upgrade rows of titles to version {TITLE_ROWS.version} before loading them"
            raise RowVersionError(msg)
        keys, weights, close = packed.pairs["key"].copy(), packed.pairs["weight"].copy(), not self._learns
        sets = -(-fixed["neighbours"] // WAYS) if close else fixed["sets"]
        sets = np.clip(sets, 0, self.arrays.pool.size - 2)  # whoever wrote them
        others = self.by_key(keys, admit=admit)
        with self._lock:  # another thread must not grow the arrays between two writes
            self.reserve_neighbours(WAYS * int(sets.sum()))
            restore_neighbours(self.arrays, rows, sets, packed.starts, keys, others, weights, close)
            if fits.all():  # as good as always: a copy of all rows is a sixth of the time
                self._write(rows, fixed)
            else:
                self._write(rows[fits], fixed[fits])
        return rows

    def _write(self, rows: I4, packed: NDArray[np.void]) -> None:
        """Write the fixed parts of rows into the arrays; the caller holds the lock."""
        a = self.arrays
        published, more = a.size[4], int(packed["counts"][:, 0].sum() - a.counts[rows, 0].sum())
        first = np.unique(rows[(a.counts[rows, 0] == 0) & (packed["counts"][:, 0] > 0)])
        a.active[a.size[1] : a.size[1] + first.size] = first
        a.size[1] += first.size
        read = _PACKED if self._learns else [name for name in _PACKED if name not in LEARNING]
        columns = PackedFields.of({name: getattr(a, name) for name in read}, packed.dtype)
        read_fields(*columns, rows, packed.view(np.uint8).reshape(rows.size, packed.itemsize))
        a.norm[rows] = np.maximum(a.watches[rows], 1.0) ** -self.config.cowatch.alpha
        update_priors(a, self.params, rows)
        count_positives(a, self.params, max(0, more))
        self.changes.mark(rows)
        if a.size[4] != published:  # tags were published into vectors of any titles
            self.changes.mark_all()

    def label(
        self,
        rows: I4,
        labels: Sequence[Collection[str]],
        *,
        included: ArrayLike = False,
        all_labelled: bool = True,
    ) -> None:
        """Set the tags of titles, and update the share of tags in their output vectors.

        Does nothing in a table that does not learn. When all places of tags are taken, a new tag gets that of
        a tag which no title has any more.

        Parameters
        ----------
        rows
            [n] titles, each once.
        labels
            Names of the tags of each; those beyond the first `TAGS`, or beyond the capacity, are left out.
        included
            Whether output vectors include the share of these tags already, as stored ones do: [n] or one.
        all_labelled
            Whether all titles that have tags are labelled by now: otherwise no tag loses its place, since
            titles that have it may be still to come.
        """
        if not self._learns:
            return
        names = list(chain.from_iterable(labels))
        numbers = self._number_tags(names, reuse=all_labelled)
        tags = np.full((rows.size, TAGS), -1, np.int16)
        fill_tags(spans_of(np.fromiter(map(len, labels), np.int32, len(labels))), numbers, tags)
        new = (tags != self.arrays.tags[rows]).any(axis=1)
        if new.any():
            rows, tags = rows[new], tags[new]
            self._tag_numbers.count(self.arrays.tags[rows], -1)
            there = np.broadcast_to(np.asarray(included, np.bool_), new.shape)[new]
            replace_tags(self.arrays, rows, tags, there)
            self._tag_numbers.count(self.arrays.tags[rows], 1)
            self.changes.mark(rows)

    def tag_rows(self) -> TagRows:
        """Return what the tags have learned so far."""
        a, n = self.arrays, len(self.tags)
        return TagRows(list(self.tags), np.column_stack((a.tag_out[:n], a.tag_acc[:n])))

    def load_tags(self, rows: TagRows) -> None:
        """Load what tags had learned; stored titles include it already."""
        if rows.names and rows.vectors.shape[1] == self.config.width + 2:
            numbers = self._number_tags(rows.names)
            numbers = numbers[numbers >= 0]
            self.arrays.tag_out[numbers] = rows.vectors[: len(numbers), :-1]
            self.arrays.tag_published[numbers] = self.arrays.tag_out[numbers]
            self.arrays.tag_acc[numbers] = rows.vectors[: len(numbers), -1]

    def _number_tags(self, names: Sequence[str], *, reuse: bool = False) -> I4:
        """Return the numbers of tags, new ones included; with the number of another a tag begins anew."""
        numbers, reused = self._tag_numbers.of(names, reuse=reuse)
        self.arrays.tag_out[reused], self.arrays.tag_published[reused] = 0.0, 0.0
        self.arrays.tag_acc[reused] = self.config.factorization.initial_accumulator
        return numbers

    def snapshot(self) -> bytes:
        """Return the table as bytes (:mod:`online_models.tables.snapshots`). Changes nothing."""
        facts = {"config": self.config, "seed": self.seed, "ids": [*self.ids], "tags": self.tags}
        whole = ("size", "totals", "tag_out", "tag_published", "tag_acc", "pool")
        columns = self.arrays.as_dict()
        used = {name: column if name in whole else column[: len(self)] for name, column in columns.items()}
        used |= {name: columns[name][: columns["pool"][0]] for name in ("nbr", "nbr_w")}
        return snapshots.pack("TitleTable", facts, used)

    @classmethod
    def from_snapshot(cls, data: bytes) -> "TitleTable":
        """Return the table of a snapshot."""
        facts, arrays = snapshots.unpack("TitleTable", data)
        out = cls(snapshots.config_from(facts["config"]), seed=facts["seed"])
        out.ids.put(np.arange(len(facts["ids"])), [title_id or None for title_id in facts["ids"]])
        out._tag_numbers = TagNumbers(out.config.factorization.tags, facts.get("tags", []))
        out.arrays = out._allocate(max(_START, len(out)))
        out.reserve_neighbours(len(arrays["nbr"]))
        out._in_catalog = np.zeros(out.arrays.bias.size, np.bool_)
        for name, column in arrays.items():
            getattr(out.arrays, name)[: len(column)] = column
        out._tag_numbers.count(out.arrays.tags[: len(out)], 1)
        out._index = out._indexed()
        return out

    def changed(self) -> I4:
        """Return the rows whose changes are worth a record."""
        # As truth values: numpy looks for those eight at a time
        return np.flatnonzero(self.arrays.changed[: len(self)].view(np.bool_)).astype(np.int32)

    def _intern_others(self, title_ids: Sequence[str], *, admit: bool) -> I4:
        """Return the rows of titles, of which some are new or were not asked for recently."""
        with self._lock:
            rows = {t: row for t in title_ids if (row := self._recent.get(t)) is not None}
            others = [*dict.fromkeys(t for t in title_ids if t not in rows)]
            keys = np.array([*map(title_key, others)], np.uint64)
            new = np.flatnonzero(self._index.find_many(keys) < 0)
            self._add(keys[new if admit else new[: self._room()]])
            found = self._index.find_many(keys)
            self._name(found, others)
            rows |= zip(others, found.tolist(), strict=True)
            if len(rows) + len(self._recent) > MOST_RECENT:
                self._recent = {}  # whoever looks something up meanwhile does so in the former ones
            self._recent |= {t: row for t, row in islice(rows.items(), MOST_RECENT) if row >= 0}
        return np.array([rows[t] for t in title_ids], np.int32)

    def _name(self, rows: I4, title_ids: Sequence[str]) -> None:
        """Set the ids of rows that have none yet; -1 for no row."""
        new = [n for n, row in enumerate(rows.tolist()) if row >= 0 and not self.ids[row]]
        self.ids.put(rows[new], [title_ids[n] for n in new])

    def _add(self, keys: U8) -> None:
        """Add rows without a name, first in place of evicted ones; the caller holds the lock."""
        again = [self._free.pop() for _ in range(min(len(self._free), keys.size))]
        self.reused += len(again)
        first = len(self.ids)
        rows = np.array([*again, *range(first, first + keys.size - len(again))], np.int32)
        last = first + keys.size - len(again)
        if last > self.arrays.bias.size:
            self.arrays = self._allocate(max(last, 2 * self.arrays.bias.size))
            self._index = self._indexed()
        if last > self._in_catalog.size:
            more = np.zeros(self.arrays.bias.size - self._in_catalog.size, np.bool_)
            self._in_catalog = np.concatenate((self._in_catalog, more))
        a, scale = self.arrays, self.config.factorization.initial_scale
        a.key[rows] = keys
        fill_keyed_rows(a.out, rows, self.seed, _OUT, a.key, scale)
        fill_keyed_rows(a.inp, rows, self.seed, _INP, a.key, scale)
        self.ids.extend(last)
        self._index.insert(rows)
        a.size[0] = last

    def _require_learning(self) -> None:
        if not self._learns:
            msg = "this table of titles does not learn: make one with learns=True"
            raise ValueError(msg)

    def _indexed(self) -> KeyIndex:
        """Return the index of all rows, over the present column of keys."""
        return KeyIndex(self.arrays.key, np.flatnonzero(self.arrays.key[: len(self.ids)]).astype(np.int32))

    def _allocate(self, capacity: int) -> Titles:
        grown = empty_titles(self.config, capacity, learns=self._learns)
        if hasattr(self, "arrays"):
            for name in set(Titles.field_names()) - set(_POOL):
                former: F4 = getattr(self.arrays, name)
                used = former[: len(self.ids)] if name in _BY_ROW else former
                getattr(grown, name)[: len(used)] = used
            grown = grown.replace(**{name: getattr(self.arrays, name) for name in _POOL})
        return grown
