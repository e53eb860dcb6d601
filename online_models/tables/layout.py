"""The shapes that every kernel shares: named tuples of arrays, so that signatures read like sentences.

Numba compiles named tuples natively: handing one over costs microseconds per *call* and nothing per event.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from online_models.tables.feedback_layout import RewardParams

# What tags are learned with: working memory of a batch.


PENDING = 32
"""Positives whose steps of tags are gone together, a multiple of four: 64 kB, read while they are near."""


class TagWork(NamedTuple):
    """Steps that tags have yet to go; zeros at first."""

    gradient: NDArray[np.float32]
    """[G + 1] gradients of the tags that the candidates bear, and of none; zero between softmaxes."""
    step: NDArray[np.float32]
    """[PENDING, G] how far, one row a positive."""
    way: NDArray[np.float32]
    """[PENDING, D + 1] which way: the positive's representation, and a bias's part."""
    pending: NDArray[np.int64]
    """[1] rows that wait."""


F4 = NDArray[np.float32]
F8 = NDArray[np.float64]
I4 = NDArray[np.int32]
I8 = NDArray[np.int64]
U1 = NDArray[np.uint8]
U8 = NDArray[np.uint64]
Int = int | np.integer[Any]
Real = float | np.floating[Any]
"""Scalars that kernels take: numba makes machine code for whichever kind is handed over."""

TAGS = 12
"""Tags of a title that have vectors (genre, mood, pace, cast and the like); the first ones, of more."""
CHUNK = 16
"""Known titles per chunk of a viewer's list: a cache line, so that a viewer of a few titles pays for few."""
RING = 16
"""Event ids remembered per viewer against duplicates: a producer's retries follow within a few events."""


class Titles(NamedTuple):
    """What is the titles': ``T`` rows, ``D`` = width, ``H`` horizons of ``K`` factors, ``N`` neighbours."""

    out: F4
    """[T, D] output vectors: what a representation is compared with."""
    inp: F4
    """[T, H * K] input vectors: what a title contributes to the representation of those who watched it."""
    bias: F4
    """[T] log-popularity that the softmax learns."""
    acc: F4
    """[T, 2 + H] AdaGrad accumulators, one a row: output, bias, one a horizon."""
    watches: F8
    """[T] positive feedback, weighted."""
    norm: F4
    """[T] max(watches, 1) ** -alpha, kept beside for the ranking loop."""
    nbr: I4
    """[T, N] neighbours, -1 where empty."""
    nbr_w: F4
    """[T, N] weights of the pairs."""
    trend: F8
    """[T, 3] decayed watch counters, as of ``trend_at``."""
    trend_at: I8
    """[T] event time of the last watch, ms."""
    counts: I8
    """[T, 3] exact counters: positives, rejections, touches."""
    active: I4
    """[T] the titles with a positive, in order of their first; the first ``size[1]`` are valid."""
    key: U8
    """[T] 63-bit keys of the titles: where every draw of theirs starts."""
    drift: F4
    """[T] movement of a row's vectors since it was published: makes a mere negative worth a record."""
    changed: U1
    """[T] 1 where a counter, a neighbour or enough of a vector changed since the row was published."""
    prior: F4
    """[T, 4] what everybody watches, and how few turn down (``blend.refresh_prior``)."""
    tags: NDArray[np.int16]
    """[T, TAGS] the title's tags, -1 where there are no more."""
    share: F4
    """[T] weight of each of its tags: their number ** -1/2."""
    tag_out: F4
    """[G, D + 1] vectors of the tags and, last, their biases (``tags``)."""
    tag_told: F4
    """[G, D + 1] as the titles know them."""
    tag_acc: F4
    """[G] AdaGrad accumulators of the tags."""
    size: I8
    """[5] rows in use, active titles, positives, as many when ``prior`` was written, and tellings of tags."""


class Viewers(NamedTuple):
    """What is the viewers': ``V`` slots, ``K`` factors, a pool of ``C`` chunks of known titles."""

    taste: F4
    """[V, K] taste vectors."""
    acc: F4
    """[V] AdaGrad accumulators of the taste vectors."""
    known: I4
    """[V] known titles in the list."""
    positives: I4
    """[V] positive feedback ever."""
    tail: I4
    """[V] newest chunk, -1 for none."""
    last_at: I8
    """[V] event time of the newest feedback, ms."""
    fresh: I4
    """[V] titles that the list of known ones has got since the sitting began, those turned down aside."""
    key: U8
    """[V] 64-bit keys of the viewers: where every draw of theirs starts."""
    seq: I8
    """[V] lists published."""
    limit: U1
    """[V] highest maturity that the viewer may see, in years."""
    country: NDArray[np.uint16]
    """[V] the viewer's country as two ASCII letters, 0 where unknown."""
    device: U1
    """[V] the kind of device of the newest event that says it (``devices.device_code``), 0 where unknown."""
    language: NDArray[np.uint16]
    """[V] the language that the viewer reads best, two ASCII letters, 0 where unknown."""
    stated: NDArray[np.uint32]
    """[V, STATED] keys of the tags that the viewer said they like (``tag_keys``), 0 for no more."""
    ring: U8
    """[V, RING] hashes of the newest event ids."""
    ring_n: I4
    """[V] event ids ever put into the ring."""
    rejected: I4
    """[V, REJECTIONS] titles turned down of late, -1 where empty, in no order."""
    rejected_at: NDArray[np.uint32]
    """[V, REJECTIONS] event time of the newest rejection of the title, seconds."""
    rejected_weight: F4
    """[V, REJECTIONS] how strongly: the sum of the title's rejections, at most ``MOST_REJECTED``."""
    judged: I4
    """[V, JUDGEMENTS] titles whose judgement may still move, -1 where empty, in no order."""
    judgement: NDArray[Any]
    """[V, JUDGEMENTS] what is thought of them (``JUDGEMENT``)."""
    shown: NDArray[np.uint32]
    """[V, SHOWN] upper halves of the keys of titles that were shown and not played, 0 where empty."""
    shown_n: U1
    """[V, SHOWN] how often."""
    shown_on: NDArray[np.uint16]
    """[V, SHOWN] the list that they were last seen on: 16 bits of the hash of its id."""
    shown_odds: U1
    """[V, SHOWN] tenths of 1 / propensity with which they came to stand there (``impressions``)."""
    chosen: NDArray[Any]
    """[V] what was chosen out of a list last (``CHOICE``)."""
    wished: I4
    """[V, WISHES] the viewer's own list, newest first, -1 where there are no more."""
    loved: I4
    """[V, LOVED_TITLES] titles that were finished and loved, -1 where empty, in no order."""
    loved_at: NDArray[np.uint32]
    """[V, LOVED_TITLES] event time of the last watch, seconds."""
    loved_weight: F4
    """[V, LOVED_TITLES] how much."""
    chunk: I4
    """[C, CHUNK] known titles, oldest first; ~title where known but not liked."""
    prev: I4
    """[C] the next older chunk, -1 at the end."""
    free: I4
    """[C] stack of free chunks; the first ``pool[0]`` are valid."""
    pool: I8
    """[1] number of free chunks."""
    watch_time: NDArray[np.uint16]
    """[BUCKETS, BINS] playbacks of all viewers, by duration and share watched."""
    watch_moved: U1
    """[1] 1 where one was counted since they were last packed."""


class Feedback(NamedTuple):
    """A batch of judged events, one row each, in the order of the stream."""

    viewer: I4
    """[n] slot of the viewer."""
    title: I4
    """[n] row of the title."""
    action: U1
    """[n] what to do (``online_models.feedback.reward_function.Action``)."""
    weight: F4
    """[n] strength of what was said, >= 0; of a playback the share that counts."""
    at: I8
    """[n] event time, ms."""
    event: U8
    """[n] hash of the event id, 0 for none: a repeated one changes nothing."""
    watched: F4
    """[n] seconds watched in the playback so far, of a stop."""
    duration: F4
    """[n] length of the title in seconds, 0 where unknown."""
    session: NDArray[np.uint32]
    """[n] hash of the session, 0 where unknown."""


class Signals(NamedTuple):
    """What a batch says about titles: written by the viewers' side, learned by the titles'."""

    action: U1
    """[n] what the event came to; 0 for a duplicate."""
    title: I4
    """[n] row of the title."""
    weight: F4
    """[n] strength of a positive or of a rejection."""
    change: F4
    """[n] by how much the weight of what this viewer thinks of the title has changed: counters move by it."""
    at: I8
    """[n] event time, ms."""
    x: F4
    """[n, D] representation of the viewer just before the event."""
    gradient: F4
    """[n, H * K] gradient that the viewer's softmax sends into the input vectors."""
    history: I4
    """[n, L] titles before the event, newest first: liked ones, and ~t for those only known."""
    depth: I4
    """[n] titles in ``history``."""
    fresh: I4
    """[n] how many of them, the newest, are of the sitting of the event."""


class Params(NamedTuple):
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
    session_gap_ms: float
    publish_drift: float
    known_titles: int
    reward: RewardParams
    seed: int


class Scratch(NamedTuple):
    """Working memory of a batch: one per call, so that threads share nothing."""

    mark: I4
    """[T] the newest stamp that a title bears."""
    stamp: I4
    """[1] the newest stamp given out."""
    cand: I4
    """[negatives + 1] candidates of a softmax, the target last."""
    g: F4
    """[negatives + 1] their gradients."""
    into: F4
    """[D] gradient of a representation."""
    tags: TagWork
    """What their tags learn."""


class Sparse(NamedTuple):
    """Working memory of the co-watch expert while it ranks."""

    score: F4
    """[2, T] short and long horizon; zero between viewers."""
    touched: I4
    """[T + 1] columns of ``score`` that are not zero, and one to spare."""
    near: I4
    """[T] stamp of the last viewer whose newest titles neighbour the row."""
    history: I4
    """[L] the viewer's titles, newest first, as in ``Signals.history``."""


class Shared(NamedTuple):
    """What the viewers of a batch have in common, by group (maturity limit, country and blend context)."""

    dense: F4
    """[C, T] the experts that know no viewer; -inf where a guard forbids the title."""
    candidates: I4
    """[C] how many titles the guards allow."""
    weights: F8
    """[C, EXPERTS] the blend's weights."""
    backoff: F4
    """[T] what a co-watch share is multiplied by (``Titles.prior``)."""
    group: I4
    """[n] each viewer's group."""
    pins: I4
    """[C, P, 3] titles that rules pin, the kind of row, the place; by place, -1 where there are no more."""


class Lists(NamedTuple):
    """The best titles of a batch's viewers, best first."""

    title: I4
    """[n, L] rows, -1 where the candidates ran out."""
    score: F4
    """[n, L] blended scores; comparable inside one list."""
    reason: U1
    """[n, L] what put it there (``ranking.scorer``: taste, co-watch, trending; ``page.draw``: explored)."""
    drawn: I4
    """[n] titles that the last one was drawn from (``page.draw.draw_last``), 0 for none, or ``NOT_DRAWN``."""


class TagColumns(NamedTuple):
    """Tags of titles: those of row ``t`` are ``pool[start[t] : start[t] + length[t]]``."""

    start: I4
    length: NDArray[np.uint16]
    pool: I4


DAY_MS = 86_400_000


U4 = NDArray[np.uint32]
