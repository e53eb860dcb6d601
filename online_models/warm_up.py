"""Run every kernel once on a few invented events, so that numba compiles it, or loads it from its cache.

``python -m online_models.compile`` fills the cache on disk after an installation. A worker warms up before it
reports that it is ready, which takes a second with the cache: no viewer waits for a compiler.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numba.core import event

from online_models.artwork.features import MOST_VARIANTS, TasteFeatures
from online_models.artwork.gallery import Gallery
from online_models.artwork.selector import ArtworkSelector, ChoiceCache, index_choices
from online_models.config import ModelConfig
from online_models.feedback.event_columns import EventBounds, EventColumnsReader, EventTexts
from online_models.feedback.reward_function import Action
from online_models.learners.cohorts import CohortTable
from online_models.learners.segments import Segments
from online_models.learners.stated_preferences import places_of, take_all
from online_models.learners.title_side import shard_of
from online_models.page.build import batch_of, blank_pages, build, build_from_part, pages_of_lists
from online_models.page.encoding import (
    FIRST_SHARED,
    HEAD_NUMBERS,
    SCORE_BYTES,
    FragmentNumbers,
    Fragments,
    PageHeads,
    encode_pages,
    hash_rows,
    number_pages,
)
from online_models.page.layout import Pages
from online_models.ranking.kept_scores import score_blocks
from online_models.ranking.viewer_side import EventColumns, Lists
from online_models.recommender import Recommender
from online_models.tables.block_maxima import write_maxima
from online_models.tables.codes import KINDS
from online_models.tables.hashing import hash_ids
from online_models.tables.partition_assignment import partitions_for
from online_models.tables.texts import STRIDE
from online_models.tables.titles import TitleTable
from online_models.tables.vector_norms import Norms, write_norms
from online_models.tables.viewers import ViewerTable
from schemas import Artwork, Forget, Title

__all__ = ["EVALUATION_STEPS", "STEPS", "warm_up"]

_FORGET = Forget(event_id="e", viewer_id="a", event_time_ms=0)


def small_world() -> Recommender:
    """Return a recommender that knows viewers and titles, and has learned nothing.

    Kernels compile by the types of their arguments, whatever the values: so no step waits for another one's
    kernels.
    """
    model = Recommender()
    batch = _batch()
    model.titles.intern(batch.titles)
    model.viewers.viewers.acquire(batch.viewers)
    return model


def learn() -> None:
    """Learn events on the two sides separately, by signals, tested and untested."""
    model = Recommender()
    side, every = model.viewers, np.ones(4, np.int32)
    slots, _ = side.admit(["a"], np.ones(1, np.uint64))
    bounds = EventBounds(0, 0, 0, profiles=False, tenant=False, avro=False)
    EventColumnsReader(model.config.reward).read(EventTexts.of([b"{}"], [b"a"], [0]), bounds)
    take_all(side.viewers.arrays, slots, places_of([_FORGET]), {0: _FORGET}, [0], model.config.reward)
    signals = side.observe(side.feedback(_batch()))[0]
    model.title_side.absorb(signals)
    cohorts = CohortTable(model.config.factorization.factors)
    cohorts.absorb(signals, Action.POSITIVE)
    cohorts.learn(signals.x[0][-model.config.factorization.factors :], 0, 1.0, 0)
    cohorts.cohort_of(cohorts.arrays.centre[0])
    cohorts.shares(-1, 1)
    side.observe_tested(side.feedback(_batch()), every)
    Segments().watch(2, 1.0, 0, country=1)


def rank_and_score() -> None:
    """Make scores, lists and pages, and write them as bytes."""
    model = small_world()
    model.score("a")
    slots = np.arange(2, dtype=np.int32)
    pages = build(model.viewers, model.catalog_index, slots, 0, 3)
    side, index = model.viewers, model.catalog_index
    batch = batch_of(side, index, slots, 0, index.config.spec(3, 0, 0))
    build_from_part(side, index, batch, side.ranker.prepare(slots, 0), blank_pages(2, index.config.rows, 3))
    encode_lists(model.viewers.rank(slots, 0, 3))
    model.viewers.viewers.arrays.stated_tags[0, 0] = 1  # a list from whole matrices, and one from few
    model.viewers.rank(slots, 0, 3, drawn=1.0)
    shared, first = model.viewers.ranker.prepare(slots, 0).shared, np.zeros(1, np.int32)
    dense = shared.dense[0]
    most = np.zeros(1, np.float32)
    score_blocks(model.titles.arrays, first, dense, shared.weights[0], 0.0, dense, shared.backoff, most)
    write_maxima(dense, most)
    norms = Norms(dense.copy(), most)
    write_norms(model.titles.arrays.out[: dense.size], first, norms)
    encode_blank(pages)


def encode_lists(lists: Lists) -> None:
    """Write lists."""
    encode_blank(pages_of_lists(lists))


def encode_blank(pages: Pages) -> None:
    """Write pages out of empty fragments."""
    text, none = np.zeros(STRIDE, np.uint8), np.zeros(64, np.int64)
    numbers = np.zeros(pages.kind.shape, np.int32)
    items, said = np.zeros((0, 0, 0), np.int32), np.zeros(pages.category.shape, np.int32)
    own = np.zeros((1, 3), np.int32)
    parts = FragmentNumbers(numbers, numbers, np.zeros(KINDS, np.uint8), items, own, said)
    n = pages.kind.shape[0]
    seq, shared, at = np.zeros(n, np.int64), np.zeros(n, np.int32), np.zeros(n + FIRST_SHARED + 2, np.int64)
    number_pages(seq, shared, 0, seq.copy())
    heads = PageHeads(text, at, seq, seq, seq, seq, shared, text, at)
    most = pages.title.size * (3 * SCORE_BYTES + 1) + 8 * pages.kind.size + n * HEAD_NUMBERS + STRIDE
    room = np.zeros(most, np.uint8)
    fragments = Fragments(*(text, none) * 5)
    encode_pages(heads, pages, parts, fragments, room, np.zeros(pages.kind.shape[0], np.int64))
    hash_rows(np.zeros((1, 3), np.int32), np.zeros(1, np.uint64))


def choose_artwork() -> None:
    """Choose one of two artworks."""
    gallery = Gallery()
    artwork = tuple(Artwork(id=name, uri=f"https://x/{name}") for name in "ab")
    gallery.put("x", Title(title_id="x", artwork=artwork))
    selector = ArtworkSelector(gallery)
    selector.select_by_id(["x"], np.ones(1, np.uint64), viewer=1, liked=frozenset(), now_ms=0)
    one, whole = np.zeros((1, MOST_VARIANTS), np.uint64), np.zeros(1, np.int64)
    cache = ChoiceCache(
        np.zeros(2, np.int32), one[0, :1], whole, one, one.astype(np.float64), one.astype(np.int32)
    )
    index_choices(cache, 1, 1)
    model = small_world()
    TasteFeatures(model.viewers.viewers, model.catalog).of(np.zeros(1, np.int32))


def pack_and_restore() -> None:
    """Pack rows of titles and viewers, restore them, and find shards and partitions of their keys."""
    model = small_world()
    rows = np.arange(len(model.titles), dtype=np.int32)
    replica = TitleTable(model.config, learns=False)
    replica.load(model.titles.ids, model.titles.pack(rows))
    replica.reserve_neighbours(1 + replica.arrays.nbr.size)  # a larger pool
    model.titles.label(rows[:1], [["genre:warm"]])
    model.titles.evict(model.titles.intern(["b gone"]))
    heads, keys, starts = model.viewers.viewers.pack(np.zeros(1, np.int32))
    row = heads.tobytes() + keys[: starts[1]].tobytes()
    one_slot = ModelConfig(viewer_slots=1)
    viewers = ViewerTable(one_slot, replica, slots=1)
    viewers.acquire(["a"], lambda _: [row])
    viewers.acquire(["b"])
    shard_of(keys, 2)
    partitions_for([b"warm"], 2)


def test_then_learn() -> None:
    """Test, then learn, in one process: alone, with an external expert, and as a River ranker."""
    from online_models.river import ExternalRankers, TagAffinity  # noqa: PLC0415 - workers need none of it

    for experts in (None, ExternalRankers(["river.reco.Baseline"])):
        Recommender(experts=experts).prequential(_batch(), np.ones(4, np.int32))
    expert = TagAffinity()
    expert.learn_one("a", "x", 1)
    expert.predict_one("a", "x")


def rank_by_baselines() -> None:
    """Rank and learn a few events with every baseline."""
    from online_models.evaluation.baselines import BASELINES  # noqa: PLC0415 - workers need none of them
    from online_models.evaluation.protocol import Block  # noqa: PLC0415

    pair, tested = np.arange(2, dtype=np.int32), np.ones(2, np.bool_)
    ratings = np.ones(2, np.float32)
    block = Block(pair, pair, ratings, pair.astype(np.int64), ratings, tested)
    for build_baseline in BASELINES.values():
        baseline = build_baseline(0, 1)
        baseline.rank_then_learn(block)
        baseline.rank_then_learn(block)  # titles that it knows


STEPS: Mapping[str, Callable[[], object]] = {
    "rank and score": rank_and_score,
    "learn": learn,
    "choose artwork": choose_artwork,
    "pack and restore": pack_and_restore,
}
"""The steps by name, the longest to compile first: together they call every kernel that a worker calls."""
EVALUATION_STEPS: Mapping[str, Callable[[], object]] = {
    "baselines": rank_by_baselines,
    "test, then learn": test_then_learn,
}
"""The steps with the kernels that only evaluations call."""


def warm_up() -> int:
    """Run every step of a worker once; return how many kernels were in no cache, and compiled."""
    with event.install_recorder("numba:compile") as recorder:
        hash_ids(["warm"])
        for step in STEPS.values():
            step()
    return sum(one.is_start for _, one in recorder.buffer)


def _batch() -> EventColumns:
    viewers, titles = ["a", "b", "a", "b"], ["x", "x", "y", "z"]
    events = np.arange(1, 5, dtype=np.uint64)
    return EventColumns(viewers, titles, [1, 1, 1, 2], [1.0] * 4, [0, 1, 2, 3], events)
