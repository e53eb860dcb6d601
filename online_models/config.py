"""Every hyper-parameter of the core: default, unit, bounds and where the number comes from.

A configuration is a value: frozen and comparable. :meth:`ModelConfig.fingerprint` reduces it to a short text
that is stored with the state, so that rows written under one configuration are never read under another.

Bounds stand in the annotations of the fields (`annotated_types`); `check_bounds` checks them for every
configuration of this package. HR@10 in the comments is prequential, on MovieLens-100K with ratings >= 4 as
positives unless stated otherwise: "raw" in the order of the stream, "shuffled" with the order of events
drawn.
"""

import hashlib
import math
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints

from annotated_types import Ge, Le, Len, MultipleOf

from online_models.errors import InvalidConfigError

__all__ = [
    "BlendConfig",
    "CoWatchConfig",
    "FactorizationConfig",
    "ModelConfig",
    "RewardConfig",
    "TrendingConfig",
    "check_bounds",
    "require",
]

EXPERTS = ("factorization", "cowatch", "cowatch_long", "trending", "popularity")
"""The experts of the blend, in the order of its weights (``learners.blender``)."""
WAYS = 16
"""Places in a set of neighbours, a line of the cache in each column (``tables.neighbours``)."""

Annotations = tuple[Any, ...]

_LEAST = 1e-9
"""Lower bound of numbers that must be above 0."""
Share = Annotated[float, Ge(0), Le(1)]
Decay = Annotated[float, Ge(_LEAST), Le(1)]
Strength = Annotated[float, Ge(0), Le(10)]
"""Weights of the reward."""
Step = Share
"""Steps of AdaGrad, and the scale of vectors at first: with larger ones vectors grow without end."""
BlendWeight = Annotated[float, Ge(-4), Le(4)]
"""As ``learners.blender.MAX_WEIGHT``, the bound of a learned weight."""
Seconds = Annotated[float, Ge(0), Le(1e9)]
HalfLife = Annotated[float, Ge(_LEAST), Le(1e12)]
"""Seconds."""


def check_bounds(config: Any) -> None:  # noqa: ANN401 - any dataclass
    """Check the numbers of a configuration, and of those within it, against the bounds of their annotations.

    An integer given for a float becomes one: kernels compile anew for another type, and 0 is not another
    configuration than 0.0 (`ModelConfig.fingerprint`).

    Parameters
    ----------
    config
        A dataclass. ``Ge``, ``Le``, ``MultipleOf`` and ``Len`` of `annotated_types` count; those of the
        elements of a tuple hold for each of them.

    Raises
    ------
    InvalidConfigError
        A number is out of its bounds; the message names it.

    Examples
    --------
    >>> check_bounds(FactorizationConfig(factors=0))
    Traceback (most recent call last):
    online_models.errors.InvalidConfigError: factors = 0 is outside 1..256
    """
    for name, kind, own, of_elements in _bounds(type(config)):  # type: ignore[arg-type]
        value = getattr(config, name)
        if is_dataclass(kind):
            check_bounds(value)
        if kind is float and isinstance(value, int):
            object.__setattr__(config, name, float(value))
        if own:
            own.check(name, value)
        if of_elements:
            for one in value:
                of_elements.check(name, one)


def require(name: str, value: float, low: float, high: float) -> None:
    """Raise an error that names a number, unless the number lies between two bounds."""
    if not low <= value <= high:  # also for NaN
        msg = f"{name} = {value} is outside {low}..{high}"
        raise InvalidConfigError(msg)


class _Limits(NamedTuple):
    """What the annotations of a field say; None and infinity: nothing."""

    low: float
    high: float
    step: float | None
    lengths: tuple[int, float] | None

    @classmethod
    def of(cls, bounds: Annotations) -> "_Limits | None":
        """Read annotations."""
        low: Any = -math.inf
        high: Any = math.inf
        step: Any = None
        lengths = None
        for bound in bounds:
            match bound:
                case Ge(least):
                    low = least
                case Le(most):
                    high = most
                case MultipleOf(multiple):
                    step = multiple
                case Len():
                    lengths = bound.min_length, bound.max_length or math.inf
        return cls(low, high, step, lengths) if bounds else None

    def check(self, name: str, value: Any) -> None:  # noqa: ANN401 - a field's
        """Raise an error that names the value, unless it is within the limits."""
        if self.step is not None:
            require(f"{name} % {self.step}", value % self.step, 0, 0)
        if self.lengths is not None:
            require(f"len({name})", len(value), *self.lengths)
        if self.low > -math.inf or self.high < math.inf:
            require(name, value, self.low, self.high)


@cache
def _bounds(config: type[Any]) -> tuple[tuple[str, Any, _Limits | None, _Limits | None], ...]:
    """Return the name of each field of a dataclass, its type and limits, and those of its elements."""
    found = []
    for name, hint in get_type_hints(config, include_extras=True).items():
        own = getattr(hint, "__metadata__", ())
        kind = get_args(hint)[0] if own else hint
        elements = get_args(kind)
        of_elements = getattr(elements[0], "__metadata__", ()) if elements else ()
        found.append((name, kind, _Limits.of(own), _Limits.of(of_elements)))
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorizationConfig:
    """History-aware matrix factorization with a sampled softmax.

    The defaults are "the knee" of a measured frontier (MovieLens-100K, ratings >= 4, prequential HR@10
    against microseconds): 16 factors with one AdaGrad accumulator a row reach .189 raw / .144 shuffled at 5
    us an event, where 32 factors with one accumulator a number reach .198 / .143 at 32 us.
    """

    factors: Annotated[int, Ge(1), Le(256)] = 12
    """Length of a viewer's taste vector and of each horizon's part of a title's vectors."""
    horizons: Annotated[tuple[Decay, ...], Len(0, 4)] = (0.5, 0.8, 0.95, 0.99)
    """Decay per step back in the history, one a horizon: about 2, 5, 20 and 100 titles deep. Empty: the taste
    vector alone. Four horizons of 12 factors reach what two of 32 do (HR@10 .1933 raw with 16)."""
    history: Annotated[int, Ge(1), Le(500)] = 80
    """Titles of the history that enter the representation. 50 / 80: HR@10 of the blend .2058 / .2074 raw,
    .1497 / .1512 shuffled."""
    negatives: Annotated[int, Ge(0), Le(10_000)] = 100
    """Uniform negatives per positive; 60 cost .0004 HR@10 and save 3 us (README). 0: no factorization."""
    learning_rate: Step = 0.1
    """AdaGrad step of titles."""
    tag_learning_rate: Step = 0.05
    """AdaGrad step of tags; 0: tags have no vectors. .02 / .05 / .1: HR@10 .1966 / .1970 / .1956 alone."""
    tags: Annotated[int, Ge(1), Le(32_000)] = 512
    """Different tags that have vectors, 250 bytes each: the first ones that the catalog names, and new ones
    in place of those that no title has any more."""
    viewer_learning_rate: Step = 0.3
    """AdaGrad step of the taste vector: .3 is as good as .1 on a replica without lag, and better on one that
    lags 200 events."""
    rejection: Strength = 0.0
    """Step of the taste vector away from a rejected title, as a share of one towards a liked title; 0: none.
    With 0 / .3 / 1, at `blend.rejection` .2 and `blend.satisfaction` 0: disliked to liked titles in the top
    ten .506 / .472 / .466, HR@10 of the liked ones .2438 / .2434 / .2402. Off: it lowers that ratio, but also
    HR@10 (ADR 36 has the whole table)."""
    initial_scale: Step = 0.05
    """Standard deviation of the keyed initial vectors."""
    initial_accumulator: Annotated[float, Ge(_LEAST), Le(1e6)] = 0.05
    """Start of the AdaGrad accumulators: bounds the first steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoWatchConfig:
    """Short-horizon item-item co-watch: the best single model per microsecond measured (HR@10 .190)."""

    enabled: bool = True
    window: Annotated[int, Ge(0), Le(500)] = 30
    """Titles back that a watch is paired with; the weight at 30 is .9 ** 30 = .04."""
    pair_decay: Decay = 0.9
    """Weight of a pair per step between its two titles."""
    seeds: Annotated[int, Ge(0), Le(500)] = 10
    """Recent titles whose neighbours are added up (.8 ** 10 = .11)."""
    seed_decay: Decay = 0.8
    """Weight of a seed per step back."""
    streak_gap_s: Seconds = 120.0
    """Longest pause within a streak of titles, from the end of one to the next event: a binge, or titles
    rated one after the other. 60 / 90 / 120 s measured alike (ADR 64)."""
    before_streak: Share = 0.1
    """Share that a seed before the present streak counts, if there is a streak, over the short horizon. 1:
    streaks change nothing."""
    long_seeds: Annotated[int, Ge(0), Le(500)] = 20
    """Recent titles whose neighbours the long horizon adds up (.93 ** 20 = .23); 30 and 50 gained .0004."""
    long_seed_decay: Decay = 0.93
    """Weight of a seed of the long horizon per step back. Seeds that reach further over the same pairs do as
    well as pairs of their own (HR@10 .2107 and .2110 raw, .1530 and .1528 shuffled)."""
    alpha: Share = 0.45
    """Popularity exponent of the similarity; .3 to .5 is a flat optimum, 0 collapses to popularity."""
    neighbours: Annotated[int, Ge(WAYS), Le(1_024), MultipleOf(WAYS)] = 176
    """Neighbours kept per title at most, a multiple of 16. HR@10 of the blend with 112 / 176 / 1,024: .201 /
    .203 / .206 raw; 176 keep a title below 2 kB of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendingConfig:
    """Event-time decayed watch counters."""

    half_lives_s: tuple[HalfLife, HalfLife, HalfLife] = (3_600.0, 86_400.0, 604_800.0)
    """An hour, a day, a week: news, evening, season."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendConfig:
    """The learned blend (derived in :mod:`online_models`): its first weights, and how they learn.

    The starting weights are near those learned on MovieLens-100K, raw and shuffled; an expert that starts at
    0 is off and stays so.
    """

    factorization: BlendWeight = 0.6
    """First weight of the factorization's log-softmax (learned: .5 to 1)."""
    cowatch: BlendWeight = 0.5
    """First weight of the short co-watch's log-share (learned: .6 to 1.1 raw, .1 shuffled)."""
    cowatch_long: BlendWeight = 0.1
    """First weight of the long co-watch's log-share (learned: -.2 raw, .4 shuffled)."""
    trending: BlendWeight = 0.2
    """First weight of the week's trending log-share (learned: -.1 to .4)."""
    popularity: BlendWeight = 0.4
    """First weight of the log-share of all watches (learned: .2 to .4), what the co-watches back off to."""
    rejection: BlendWeight = 0.1
    """Weight against titles that resemble recently rejected ones, in addition to `factorization.rejection`.
    With 0 / .1, at `satisfaction` 1.5 and `factorization.rejection` .3: disliked to liked titles in the top
    ten .440 / .424."""
    satisfaction: BlendWeight = 1.5
    """Weight of the logarithm of the share of a title's feedback that is no rejection (ADR 36). Disliked to
    liked titles in the top ten with 0 / 1 / 2, at `rejection` .2: .506 / .469 / .435; HR@10 of the liked ones
    .2438 / .2440 / .2421 (MovieLens-100K, all feedback, one seed)."""
    dislike: Annotated[float, Ge(0), Le(20)] = 6.0
    """Weight against titles with tags that the viewer has disliked of late (``ranking.tag_places``, which
    has a world by hand). Disliked to liked titles in the top ten with 0 / 6: .466 / .415; HR@10 of the liked
    ones .2447 / .2427 (MovieLens-100K, all feedback, one seed; ADR 45)."""
    turn: Share = 0.6
    """Share of the places 11 to 20 that a film of a new genre brings a viewer who has watched hardly anything
    but one (``ranking.tag_places``); 0: none. The first ten places, and HR@10, stay as they are (ADR 49)."""
    rate: Share = 0.005
    """Step of the weights per tested event; 0: they stay. .002 to .005 measured alike."""
    rivals: Annotated[int, Ge(2), Le(1_000)] = 30
    """Best-scored titles among which weights learn. HR@10 with all / 30, three seeds: .2079 / .2089 raw."""
    floor: Decay = 1.0
    """Mass added to an expert's own, spread over all candidates before the logarithm, so that no expert can
    veto a title. Bounded neighbour lists forget much: HR@10 .1983 / .1998 / .2008 with .05 / .3 / 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig:
    """How viewing behaviour becomes a reward (see :mod:`online_models.feedback.reward_function`)."""

    quick_stop_s: Seconds = 60.0
    """A playback shorter than this, ended by the viewer, is a rejection (interest is lost in 60 to 90 s:
    Gomez-Uribe and Hunt, 2016)."""
    quick_stop_share: Share = 0.03
    """... or than this share of the title."""
    quick_stop: Strength = 0.5
    """Strength of that rejection, and of a skip. This and every number below without another source is a
    design choice: ordered by how explicit the feedback is, and not measured."""
    liked_share: Share = 0.25
    """From this share of the title on, a playback is a positive; below it, it decides nothing for a while."""
    abandoned_after_s: Seconds = 172_800.0
    """A title stopped before that share and not resumed for so long (48 h) is abandoned."""
    abandoned: Strength = 0.2
    """Strength of that mild rejection."""
    unknown_duration_s: Annotated[float, Ge(1), Le(1e6)] = 2_700.0
    """Length assumed where neither player nor catalog knows it: 45 minutes."""
    least: Share = 0.3
    """Weight of the shortest positive; the quantile of its watch time adds up to 1."""
    quantile_from: Annotated[int, Ge(1), Le(10**12)] = 200
    """Playbacks that a bucket of durations holds before its quantiles are used; until then the share of the
    title is. The standard error of a quantile is .035 at 200."""
    quantile_memory: Annotated[int, Ge(64), Le(60_000)] = 20_000
    """Playbacks after which a bucket's past counts half (64 to 60,000): a quantile's standard error is below
    .005, and it follows when habits change."""
    complete_share: Share = 0.9
    """From here on a title counts as completed (credits are not watched)."""
    completion_bonus: Strength = 0.5
    """Added to the weight of a completed title."""
    rewatch_bonus: Strength = 0.3
    """Added when a title is watched again."""
    binge_bonus: Strength = 0.3
    """Added to the title that the viewer chooses next in a session; like the rewatch, a choice made after a
    watch that pleased."""
    search_bonus: Strength = 0.3
    """Added to a title that was searched for, then watched: asked for by name, so worth what a binge is."""
    autoplay: Share = 0.1
    """Share that an automatically started playback counts."""
    thumb_up: Strength = 2.0
    """Weight of thumbs up: explicit feedback counts as two watches."""
    thumb_double_up: Strength = 3.0
    """Weight of double thumbs up."""
    thumb_down: Strength = 2.0
    """Strength of the rejection by thumb down."""
    liked_stars: float = 4.0
    """Stars from which a rating is a positive of weight 1 (the protocol of the field's published figures)."""
    disliked_stars: float = 2.0
    """Stars up to which a rating is a rejection of strength 1; between the two a title only becomes known."""
    neutral: Share = 0.5
    """Share that a known title counts which the viewer neither likes nor rejects: in the representation, as a
    seed of the co-watch and in its pairs.
    HR@10, all feedback, with 0 / .5: .2330 / .2421 raw, .1690 / .1705 shuffled; .7 in the first: .2428."""
    neutral_choice: Share = 0.25
    """Weight of such a title as a choice, learned by vectors and pairs; it adds nothing to popularity. HR@10,
    all feedback, with 0 / .25 / .5: .2433 / .2470 / .2481 raw, .1696 / .1717 / .1715 shuffled; what .5 costs
    in disliked titles is in ADR 66."""
    former: Share = 0.2
    """Share that titles of earlier sessions count, those of the present one counting 1. HR@10 with 1 / .5 /
    .2 / .1: .1511 / .1516 / .1529 / .1527 shuffled, .2074 to .2082 raw; after a change of taste ADR 23."""
    wish: Strength = 0.5
    """Weight of adding a title to the list or naming it at onboarding: wanted, not yet watched."""
    heartbeat: Share = 1.0
    """Share that a playback counts of which heartbeats alone tell, until its stop comes; 0: it does not."""
    start: Strength = 0.1
    """Weight of a start until its stop; 0 if the playback started automatically."""
    ignored_after: Annotated[int, Ge(0), Le(255)] = 3
    """Impressions without a play that make a weak rejection. 0: impressions are not counted."""
    ignored: Strength = 0.05
    """Strength of that weak rejection."""
    rejection_days: Seconds = 30.0
    """Event time after which a rejection is forgotten."""
    search: Strength = 1.0
    """Strength of a search's intent for the genre that it names, and for those of the title opened from it
    (``learners.intent``): one brings five of twenty titles, three bring eight."""
    browse: Strength = 1.0
    """Strength of the intent that browsing shows for the tag of its surface (``genre:Drama``)."""
    select: Strength = 1.0
    """Strength of the intent that opening a title's page shows for its genres."""
    intent_hours: Annotated[float, Ge(0.01), Le(10_000)] = 24.0
    """Event time of a viewer's further acts in which a search intent falls to nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The configuration of the core.

    Examples
    --------
    >>> ModelConfig().width
    60
    >>> ModelConfig().fingerprint() == ModelConfig().fingerprint()
    True
    """

    factorization: FactorizationConfig = field(default_factory=FactorizationConfig)
    cowatch: CoWatchConfig = field(default_factory=CoWatchConfig)
    trending: TrendingConfig = field(default_factory=TrendingConfig)
    blend: BlendConfig = field(default_factory=BlendConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    guests: str = ""
    """River rankers that workers add to the blend, separated by ``;``: dotted names, with or without
    arguments (`online_models.river.by_name`), such as ``river.reco.BiasedMF(n_factors=8)``."""
    guest_tests: Share = 0.05
    """Share of the positives that are ranked before they are learned, so that the weights of these rankers
    learn. A test of 1,700 titles takes 2 ms for each ranker."""
    guest_budget_us: Annotated[float, Ge(0), Le(1e9)] = 5_000.0
    """Microseconds that these rankers may take for each list, as a mean over a block of lists and with what
    they learn. The other lists of a block are made without them. A title takes 1.4 us."""
    session_gap_s: Seconds = 1_800.0
    """Longest pause within a session: 30 minutes, the session gap of web analytics. After a longer one the
    viewer begins a new session: older titles count `reward.former`, and the blend is in another context."""
    publish_drift: Annotated[float, Ge(0), Le(1e6)] = 0.05
    """Distance that a title's output vector moves before its row is published, if the title was only a
    negative meanwhile (vectors are about 1 long)."""
    known_titles: Annotated[int, Ge(64), Le(1_000_000)] = 4_096
    """Titles remembered per viewer as known, which are never shown again; the oldest are forgotten first."""
    viewer_slots: Annotated[int, Ge(1), Le(100_000_000)] = 200_000
    """Viewers kept hot in memory per source partition; others wait in the store."""
    title_capacity: Annotated[int, Ge(1), Le(10_000_000)] = 200_000
    """Titles outside of the catalog that a process knows, so that invented ids cannot fill memory. Half of
    them are learned: of more the titles stage evicts the least watched. Those of the catalog always fit."""

    def __post_init__(self) -> None:
        check_bounds(self)
        require("window", self.cowatch.window, 0, self.factorization.history)
        require("seeds", self.cowatch.seeds, 0, self.factorization.history)
        require("liked_stars", self.reward.liked_stars, self.reward.disliked_stars, 5)

    @property
    def width(self) -> int:
        """Length of a viewer's representation and of a title's output vector."""
        return self.factorization.factors * (len(self.factorization.horizons) + 1)

    @property
    def input_width(self) -> int:
        """Length of a title's input vectors, all horizons side by side."""
        return self.factorization.factors * len(self.factorization.horizons)

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change whenever anything above does, but for costs of `guests`."""
        given = asdict(self)
        for name in ("guest_budget_us", "guest_tests", *(() if self.guests else ("guests",))):
            del given[name]
        return hashlib.blake2b(repr(sorted(given.items())).encode(), digest_size=6).hexdigest()
