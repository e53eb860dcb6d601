"""A viewer side with random parameters: lists must be right for any."""

import numpy as np

from online_models import Recommender
from online_models.config import WAYS
from online_models.ranking.viewer_side import ViewerSide
from online_models.tables.history import append
from online_models.tables.layout import I4
from online_models.tables.neighbours import BITS
from online_models.tables.titles import TitleTable


def fill_places(table: TitleTable) -> None:
    """Give every title all sets of neighbours that it can have, one title after the other."""
    sets = table.config.cowatch.neighbours // WAYS
    table.reserve_neighbours(WAYS * sets * len(table))
    a = table.arrays
    first = WAYS * sets * np.arange(len(table), dtype=np.int64)
    a.span[: len(table)], a.pool[0] = first << BITS | sets, WAYS * sets * len(table)


def random_side(titles: int, viewers: int, seed: int = 3) -> tuple[ViewerSide, I4]:
    """Return a viewer side with random parameters; the last viewer has no history."""
    model, rng = Recommender(seed=3), np.random.default_rng(seed)
    side, slots = model.viewers, model.viewers.viewers.acquire([f"u{v}" for v in range(viewers)])
    model.titles.intern([f"t{t}" for t in range(titles)])
    side.viewers.reserve(10 * viewers)
    fill_places(model.titles)
    a, v = model.titles.arrays, side.viewers.arrays
    a.out[:] = rng.normal(0, 0.3, a.out.shape)
    a.inp[:] = rng.normal(0, 0.3, a.inp.shape)
    a.prior[:] = rng.normal(0, 1, a.prior.shape)
    a.counts[:titles, 0] = a.size[1] = titles
    a.nbr[: a.pool[0]] = rng.integers(0, titles, a.pool[0])
    a.nbr_w[: a.pool[0]] = rng.random(a.pool[0])
    for slot in slots[:-1].tolist():
        v.positives[slot] = slot
        for title in rng.permutation(titles)[: 3 * slot + 1].tolist():
            append(v, slot, title if title % 5 else ~title, 1 << 30)
    v.limit[slots[2]] = 12
    v.stated_tags[slots[3], 0] = 1
    return side, slots
