"""Arrays that kernels share, in groups: state, batches of events, results, working memory.

A group is one argument of a kernel (`online_models.passed_by_pointer`): passing it costs 2 us a call and
nothing an event. Letters in shapes mean the same everywhere: ``T`` titles, ``V`` viewers' slots, ``D`` width
of a representation, ``H`` horizons of ``K`` factors, ``n`` events or viewers of a batch, ``L`` entries of a
history or list.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.passed_by_pointer import PassedByPointer
from online_models.tables.feedback_layout import RewardParams

F4 = NDArray[np.float32]
F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
U1 = NDArray[np.uint8]
U2 = NDArray[np.uint16]
U4 = NDArray[np.uint32]
U8 = NDArray[np.uint64]
Int = int | np.integer[Any]
Real = float | np.floating[Any]
"""Scalars that kernels take: numba compiles a form for each kind that it is called with."""

DAY_MS = 86_400_000

TAGS = 12
"""Tags of a title that take part in learning (genre, mood, pace, cast and the like): its first ones."""
CHUNK = 16
"""Known titles in a chunk of a viewer's history: one cache line of 64 bytes."""
RING = 16
"""Event ids remembered per viewer to detect duplicates: a producer's retries follow within a few events."""


PENDING_STEPS = 32
"""Positives whose steps of the tag vectors are applied together, a multiple of four: 64 kB, read while a
near cache still holds them."""


class Titles(PassedByPointer):
    """State of the titles, one row a title; a pool of ``P`` places of neighbours, ``G`` tags with vectors."""

    out: F4
    """[T, D] output vectors: a viewer's representation is multiplied with them."""
    inp: F4
    """[T, H * K] input vectors: what a watched title contributes to a viewer's representation."""
    bias: F4
    """[T] log-popularity that the softmax learns."""
    acc: F4
    """[T, 2 + H] AdaGrad accumulators, one a row: output, bias, one a horizon."""
    watches: F8
    """[T] positive feedback, weighted."""
    norm: F4
    """[T] max(watches, 1) ** -alpha, stored because the ranking loop needs it for every neighbour."""
    span: I8
    """[T] the neighbours' sets in the pool, 0 without any (`tables.neighbours`)."""
    nbr: I4
    """[P] neighbours, -1 where empty."""
    nbr_w: F4
    """[P] weights of the pairs."""
    pool: I8
    """[2 + most sets of a title] places used, first free sets by their number (-1: none), free places."""
    trend: F8
    """[T, 3] decayed watch counters, as of ``trend_at``."""
    trend_at: I8
    """[T] event time of the last watch, ms."""
    counts: I8
    """[T, 3] exact counters: positives, rejections, touches (``Action``)."""
    active: I4
    """[T] titles with at least one positive, in order of their first; the first ``size[1]`` are valid."""
    key: U8
    """[T] 63-bit keys of the titles, which also seed all random numbers about them."""
    drift: F4
    """[T] distance that a row's vectors moved since it was last published."""
    changed: U1
    """[T] 1 where a counter, a neighbour or the vectors (by ``publish_drift``) changed since then."""
    prior: F4
    """[T, 4] popularity and satisfaction (``derived_columns``)."""
    totals: F8
    """[4] what ``prior`` compares a title with, as of its last refresh (``refresh_prior``)."""
    tags: NDArray[np.int16]
    """[T, TAGS] the title's tags, -1 after the last."""
    share: F4
    """[T] weight of each tag of the title: (number of its tags) ** -1/2."""
    tag_out: F4
    """[G, D + 1] vectors of the tags and, last, their biases, as learned so far."""
    tag_published: F4
    """[G, D + 1] the same as last added into the titles' rows (``derived_columns.publish_tags``)."""
    tag_acc: F4
    """[G] AdaGrad accumulators of the tags."""
    size: I8
    """[5] rows in use, active titles, positives, positives when ``prior`` was refreshed, tag publications."""


class Viewers(PassedByPointer):
    """State of the viewers, one slot a viewer, and a pool of ``C`` chunks of known titles."""

    taste: F4
    """[V, K] taste vectors."""
    acc: F4
    """[V] AdaGrad accumulators of the taste vectors."""
    known: I4
    """[V] titles in the viewer's history."""
    positives: I4
    """[V] positives ever."""
    tail: I4
    """[V] newest chunk, -1 for none."""
    last_at: I8
    """[V] event time of the newest feedback, ms."""
    session_items: I4
    """[V] titles added to the history in the current session, rejected ones not counted."""
    streak_items: I4
    """[V] titles added to the history in the current streak, rejected ones not counted."""
    key: U8
    """[V] 64-bit keys of the viewers, which also seed random numbers about them; 0 where a slot is free."""
    seq: I8
    """[V] pages published."""
    limit: U1
    """[V] highest maturity that the viewer may see, in years."""
    country: U2
    """[V] the viewer's country as two ASCII letters, 0 where unknown."""
    device: U1
    """[V] kind of device of the newest event that names one (``devices.device_code``), 0 where unknown."""
    language: U2
    """[V] the viewer's first language as two ASCII letters, 0 where unknown."""
    stated_tags: NDArray[np.uint32]
    """[V, STATED_TAGS] keys of the tags that the viewer stated to like (``tag_keys``), 0 after the last."""
    stated_at: I8
    """[V] event time of the stated preferences, ms; 0 where none were stated."""
    ring: U8
    """[V, RING] hashes of the ids of the newest events, one an event, however many titles it is about."""
    ring_n: I4
    """[V] event ids ever put into the ring."""
    rejected: I4
    """[V, REJECTIONS] recently rejected titles, -1 where empty, in no order."""
    rejected_at: NDArray[np.uint32]
    """[V, REJECTIONS] event time of the newest rejection of the title, seconds."""
    rejected_weight: F4
    """[V, REJECTIONS] sum of the weights of the title's rejections, at most ``MOST_REJECTED``."""
    intent: NDArray[np.uint32]
    """[V, INTENTS] keys of tags and titles of the search intent, 0 where empty (``learners.intent``)."""
    intent_at: NDArray[np.uint32]
    """[V, INTENTS] event time of the newest act, seconds."""
    intent_weight: F4
    """[V, INTENTS] sum of the strengths of the acts."""
    interaction_title: I4
    """[V, INTERACTIONS] titles of the newest interactions, whose weight may still change; -1 where empty."""
    interaction: NDArray[Any]
    """[V, INTERACTIONS] state of these interactions (``INTERACTION``)."""
    shown: NDArray[np.uint32]
    """[V, SHOWN] upper halves of the keys of titles with impressions but no play, 0 where empty."""
    shown_n: U1
    """[V, SHOWN] number of impressions."""
    shown_on: NDArray[np.uint16]
    """[V, SHOWN] the list of the newest impression: 16 bits of the hash of its id."""
    shown_odds: U1
    """[V, SHOWN] 1 / propensity of the newest impression, in tenths (``feedback.impression_counts``)."""
    chosen: NDArray[Any]
    """[V] the newest choice of a title from a list (``CHOICE``)."""
    my_list: I4
    """[V, MY_LIST_SIZE] titles on the viewer's own list, newest first, -1 after the last."""
    finished: I4
    """[V, FINISHED_TITLES] titles that were finished and liked most, -1 where empty, in no order."""
    finished_at: NDArray[np.uint32]
    """[V, FINISHED_TITLES] event time of the last watch, seconds."""
    finished_weight: F4
    """[V, FINISHED_TITLES] weight of the interaction."""
    chunk: I4
    """[C, CHUNK] known titles, oldest first; ``~title`` where known but not liked."""
    prev: I4
    """[C] the next older chunk of the same viewer, -1 for none."""
    free: I4
    """[C] stack of free chunks; the first ``pool[0]`` are valid."""
    pool: I8
    """[1] number of free chunks."""
    watch_time: NDArray[np.uint16]
    """[BUCKETS, BINS] playbacks of all viewers by duration and share watched (``feedback.watch_time``)."""
    watch_moved: U1
    """[1] 1 if ``watch_time`` changed since it was last packed."""


class Feedback(PassedByPointer):
    """A batch of feedback signals, one row each, in the order of the stream."""

    viewer: I4
    """[n] slot of the viewer."""
    title: I4
    """[n] row of the title."""
    action: U1
    """[n] kind of event (``online_models.feedback.reward_function.Action``)."""
    weight: F4
    """[n] strength of explicit feedback, >= 0; of a playback the share that counts; of an impression its
    propensity."""
    at: I8
    """[n] event time, ms."""
    event: U8
    """[n] hash of the event id; 0 for none, or if it has been checked. A repeated id makes the event a
    duplicate."""
    watched: F4
    """[n] seconds watched in the playback so far; 0 unless the playback ended."""
    duration: F4
    """[n] length of the title in seconds, 0 where unknown."""
    session: NDArray[np.uint32]
    """[n] hash of the session, or of an impression's list; 0 where unknown."""


class Signals(PassedByPointer):
    """Outcomes of a batch: written by the viewers' side, learned by the titles' side."""

    action: U1
    """[n] outcome of the event (``Action``); 0 for a duplicate."""
    title: I4
    """[n] row of the title."""
    weight: F4
    """[n] strength of a positive or of a rejection."""
    change: F4
    """[n] change of the weight of this viewer's interaction with the title: counters change by it."""
    at: I8
    """[n] event time, ms."""
    x: F4
    """[n, D] representation of the viewer just before the event."""
    gradient: F4
    """[n, H * K] gradient of the viewer's softmax for the input vectors."""
    history: I4
    """[n, L] titles before the event, newest first: ``t`` if liked, ``~t`` if only known."""
    depth: I4
    """[n] entries of ``history``."""
    session_items: I4
    """[n] how many of them, the newest, belong to the session of the event."""


class Params(PassedByPointer):
    """Hyper-parameters as the kernels take them: the fields of ``ModelConfig``, times in milliseconds."""

    factors: int
    horizons: F8
    history: int
    negatives: int
    learning_rate: float
    tag_learning_rate: float
    viewer_learning_rate: float
    taste_rejection: float
    """``factorization.rejection``; 0 if there is no factorization."""
    window: int
    """0 if there is no co-watch; so are ``seeds`` and ``long_seeds``."""
    pair_decay: float
    seeds: int
    seed_decay: float
    before_streak: float
    long_seeds: int
    long_seed_decay: float
    alpha: float
    half_lives_ms: F8
    floor: float
    blend_rate: float
    rivals: int
    rejection: float
    """``blend.rejection``."""
    satisfaction: float
    dislike: float
    """``blend.dislike``."""
    turn: float
    """``blend.turn``."""
    session_gap_ms: float
    streak_gap_ms: float
    publish_drift: float
    known_titles: int
    reward: RewardParams
    seed: int


class TagScratch(PassedByPointer):
    """Steps of the tag vectors that have not been applied yet; zeros at first."""

    gradient: NDArray[np.float32]
    """[G + 1] gradients of the candidates' tags, and a last place for "no tag"; zero between softmaxes."""
    step: NDArray[np.float32]
    """[PENDING_STEPS, G] step size of each tag, one row a positive."""
    way: NDArray[np.float32]
    """[PENDING_STEPS, D + 1] direction: the viewer's representation and, last, the bias's part."""
    pending: NDArray[np.int64]
    """[1] rows in use."""


class Scratch(PassedByPointer):
    """Working memory of learning: one for each thread, so that threads share nothing."""

    mark: I4
    """[T] the newest stamp of each title: a set of titles that needs no clearing."""
    stamp: I4
    """[1] the newest stamp in use."""
    cand: I4
    """[negatives + 1] candidates of a softmax, the target last."""
    g: F4
    """[negatives + 1] their gradients."""
    moved: I4
    """[M + 1] rows whose output vector, bias or derived columns have changed, some of them repeatedly ..."""
    moves: I4
    """[1] ... and how many of these are in use; with the last one, others have changed, too."""
    into: F4
    """[D] gradient of a representation."""
    tags: TagScratch
    """Working memory of the tag vectors."""


class CoWatchScratch(PassedByPointer):
    """Working memory of the co-watch expert while it ranks."""

    score: F4
    """[T, 2] short and long horizon, side by side in a cache line; zero between viewers."""
    touched: I4
    """[T + 1] titles whose ``score`` is not zero; the spare place lets loops write before they count."""
    history: I4
    """[L] the viewer's titles, newest first, as in ``Signals.history``."""


class Shared(PassedByPointer):
    """Scores that viewers of a batch share, by group: the same maturity limit, country and blend context."""

    dense: F4
    """[C, T] scores of the experts that depend on no viewer; -inf where a guard forbids the title. Rows that
    no viewer of the batch has in ``group`` may be anything."""
    candidates: I4
    """[C] titles that the guards allow."""
    weights: F8
    """[C, EXPERTS] weights of the blend."""
    backoff: F4
    """[T] factor of a title's co-watch share (``Titles.prior``)."""
    group: I4
    """[n] each viewer's group."""
    pins: I4
    """[C, P, 3] pinned titles: row of the title, kind of shelf, place; by place, -1 after the last."""
    most: F4
    """[C, B] maxima of ``dense`` by block (``tables.block_maxima``); no blocks of few titles."""
    previous: I4
    """[E] the episode before each title, -1 for none; titles from row E on have none."""
    episodes: I4
    """Titles that have one, the last of each series first."""


class Lists(PassedByPointer):
    """The best titles for each viewer of a batch, best first."""

    title: I4
    """[n, L] rows of titles, -1 after the last candidate."""
    score: F4
    """[n, L] blended scores; comparable within one list only."""
    reason: U1
    """[n, L] reason of each title (``tables.codes``)."""
    drawn: I4
    """[n] titles that the last one was drawn from (``ranking.exploration``), 0 for none, or ``NOT_DRAWN``."""


class TagColumns(NamedTuple):
    """Tags of titles: row ``t`` has ``pool[start[t] : start[t] + length[t]]``."""

    start: I4
    length: NDArray[np.uint16]
    pool: I4
