"""What the titles' side does with signals: learn those of its shard's titles, and say which rows changed."""

import numpy as np

from online_models.kernels.hashing import mix
from online_models.kernels.layout import F8, I4, U8, Signals, jit
from online_models.kernels.learn import absorb
from online_models.titles import TitleTable
from online_models.viewer_side import decayed


@jit
def _shards(keys: U8, shards: int, out: I4) -> None:
    for i in range(keys.size):
        out[i] = np.int32(mix(keys[i]) % np.uint64(shards))


def shard_of(keys: U8, shards: int) -> I4:
    """Return the shard of each title key: every shard reads every signal and learns its own titles from it."""
    out = np.zeros(keys.size, np.int32)
    if shards > 1:
        _shards(keys, shards, out)
    return out


class TitleSide:
    """The titles of one shard.

    Parameters
    ----------
    titles
        The shard's table; titles of other shards appear in it by key only.
    shard, shards
        Which of how many.
    """

    def __init__(self, titles: TitleTable, *, shard: int = 0, shards: int = 1) -> None:
        self.titles = titles
        self.shard = shard
        self.shards = shards

    def owned(self) -> I4:
        """1 for each row of the shard, 0 for the others; as long as the arrays."""
        keys = self.titles.arrays.key
        return (shard_of(keys, self.shards) == self.shard).astype(np.int32)

    def absorb(self, signals: Signals) -> I4:
        """Learn; return the rows with a change worth a record."""
        absorb(self.titles.arrays, self.titles.params, self.owned(), signals)
        return self.titles.changed()

    def trending(self, half_life: int, n: int) -> list[tuple[str, float]]:
        """Return the ``n`` titles of the highest decayed count at the half-life of that number, highest first, then by id."""
        a, size = self.titles.arrays, len(self.titles)
        value: F8 = decayed(
            a.trend[:size, half_life], a.trend_at[:size], self.titles.params.half_lives[half_life]
        )
        best = np.argsort(-value, kind="stable")[: 2 * n]
        named = [
            (self.titles.ids[r], float(value[r]))
            for r in best.tolist()
            if value[r] > 0 and self.titles.ids[r]
        ]
        return sorted(named, key=lambda pair: (-pair[1], pair[0]))[:n]
