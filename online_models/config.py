"""Every hyper-parameter of the core: default, unit, bounds and where the number comes from.

Configuration is a value: frozen, comparable, and reduced by :meth:`ModelConfig.fingerprint` to a short text
that is stored beside the state, so that rows written under one meaning are never read under another.
"""

import hashlib
from dataclasses import asdict, dataclass, field

from online_models.errors import InvalidConfigError

__all__ = [
    "BlendConfig",
    "CoWatchConfig",
    "FactorizationConfig",
    "ModelConfig",
    "RewardConfig",
    "TrendingConfig",
]

EXPERTS = ("factorization", "cowatch", "cowatch_long", "trending", "popularity")
"""Whom the blend asks, in the order of its weights (``learners.blender``)."""
WAYS = 16
"""Places in a set of neighbours: a cache line of names and one of weights (see ``learners.title_updates.pair``)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorizationConfig:
    """History-aware matrix factorization with a sampled softmax.

    The defaults are "the knee" of a measured frontier (MovieLens-100K, ratings >= 4, prequential HR@10
    against microseconds): 16 factors with one AdaGrad accumulator a row reach .189 raw / .144 shuffled at 5
    us an event, where 32 factors with one accumulator a number reach .198 / .143 at 32 us.
    """

    factors: int = 12
    """Numbers in a viewer's taste vector and in each horizon's part of a title's vectors (1 to 256)."""
    horizons: tuple[float, ...] = (0.5, 0.8, 0.95, 0.99)
    """Decay per step back in the history, one a horizon: about 2, 5, 20 and 100 titles deep. Empty: the taste
    vector alone. Four horizons of 12 factors reach what two of 32 do (HR@10 .1933 raw with 16)."""
    history: int = 80
    """Titles of it in the representation. 50 / 80: HR@10 .2058 / .2074 raw, .1497 / .1512 shuffled."""
    negatives: int = 100
    """Uniform negatives per positive; 60 cost .0004 HR@10 and save 3 us (README). 0: no factorization."""
    learning_rate: float = 0.1
    """AdaGrad step of titles."""
    tag_learning_rate: float = 0.05
    """AdaGrad step of tags; 0: tags have no vectors. .02 / .05 / .1: HR@10 .1966 / .1970 / .1956 alone."""
    tags: int = 512
    """Different tags that have vectors, the first ones met: 250 bytes each."""
    viewer_learning_rate: float = 0.3
    """AdaGrad step of the taste vector: as good as .1 on a fresh replica, better on one 200 events old."""
    rejection: float = 0.0
    """Step of the taste vector away from a title turned down, as part of one towards a liked one (ADR 36)."""
    initial_scale: float = 0.05
    """Standard deviation of the keyed initial vectors."""
    initial_accumulator: float = 0.05
    """Start of the AdaGrad accumulators: bounds the first steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoWatchConfig:
    """Short-horizon item-item co-watch: the best single model per microsecond measured (HR@10 .190)."""

    enabled: bool = True
    window: int = 30
    """Titles back that a watch is paired with; the weight at 30 is .9 ** 30 = .04."""
    pair_decay: float = 0.9
    """Weight of a pair per step between its two titles."""
    seeds: int = 10
    """Recent titles whose neighbours are added up (.8 ** 10 = .11)."""
    seed_decay: float = 0.8
    """Weight of a seed per step back."""
    long_seeds: int = 20
    """Recent titles whose neighbours the long horizon adds up (.93 ** 20 = .23); 30 and 50 gained .0004."""
    long_seed_decay: float = 0.93
    """Weight of a long horizon's seed per step back; pairs of its own gain nothing (.2110 for .2107 raw)."""
    alpha: float = 0.45
    """Popularity exponent of the similarity; .3 to .5 is a flat optimum, 0 collapses to popularity."""
    neighbours: int = 176
    """Neighbours kept per title, a multiple of 16. HR@10 of the blend with 112 / 176 / 1,024: .201 / .203 /
    .206 raw; 176 keep a title below 2 kB of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrendingConfig:
    """Event-time decayed watch counters."""

    half_lives_s: tuple[float, float, float] = (3_600.0, 86_400.0, 604_800.0)
    """An hour, a day, a week: news, evening, season."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlendConfig:
    """The learned blend (derived in :mod:`online_models`): where its weights start, and how they move.

    The starting weights are near those learned on MovieLens-100K, raw and shuffled; an expert that starts at
    0 is off and stays so.
    """

    factorization: float = 0.6
    """First weight of the factorization's log-softmax (learned: .5 to 1)."""
    cowatch: float = 0.5
    """First weight of the short co-watch's log-share (learned: .6 to 1.1 raw, .1 shuffled)."""
    cowatch_long: float = 0.1
    """First weight of the long co-watch's log-share (learned: -.2 raw, .4 shuffled)."""
    trending: float = 0.2
    """First weight of the week's trending log-share (learned: -.1 to .4)."""
    popularity: float = 0.4
    """First weight of the log-share of all watches (learned: .2 to .4), what the co-watches back off to."""
    rejection: float = 0.1
    """Weight against titles that resemble those turned down of late, beside `factorization.rejection`."""
    satisfaction: float = 1.5
    """Weight of a title's share of verdicts that do not turn it down, as a logarithm (ADR 36)."""
    rate: float = 0.005
    """Step of the weights per tested event; 0: they stay. .002 to .005 measured alike."""
    rivals: int = 30
    """Best-scored titles among which weights learn. HR@10 with all / 30, three seeds: .2079 / .2089 raw."""
    sitting_s: float = 1_800.0
    """A viewer silent for longer begins a new sitting; half an hour is the web's custom."""
    floor: float = 1.0
    """Mass beside an expert's own, over all candidates. HR@10 .1983 / .1998 / .2008 with .05 / .3 / 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardConfig:
    """How viewing behaviour becomes a reward (see :mod:`online_models.feedback.reward_function`)."""

    quick_stop_s: float = 60.0
    """A playback shorter than this, ended by the viewer, is a rejection (interest is lost in 60 to 90 s:
    Gomez-Uribe and Hunt, 2016)."""
    quick_stop_share: float = 0.03
    """... or than this share of the title."""
    quick_stop: float = 0.5
    """Strength of that rejection, and of a skip (reference/algorithms.md section 4, like every number below
    that names no other source)."""
    liked_share: float = 0.25
    """From this share of the title on, a playback is a positive; below it, it decides nothing for a while."""
    abandoned_after_s: float = 172_800.0
    """What was left before that and is not gone on with for so long (48 h) is abandoned."""
    abandoned: float = 0.2
    """Strength of that mild rejection."""
    unknown_duration_s: float = 2_700.0
    """Length assumed where neither player nor catalog knows it: 45 minutes."""
    least: float = 0.3
    """Weight of the shortest positive; the quantile of its watch time adds up to 1."""
    quantile_from: int = 200
    """Playbacks that a bucket of duration holds before its quantiles are believed; the share of the title
    serves until then. The standard error of a quantile is .035 at 200."""
    quantile_memory: int = 20_000
    """Playbacks after which a bucket's past counts half (64 to 60,000): a quantile's standard error is below
    .005, and it follows when habits change."""
    complete_share: float = 0.9
    """From here on a title counts as completed (credits are not watched)."""
    completion_bonus: float = 0.5
    """Added to the weight of a completed title."""
    rewatch_bonus: float = 0.3
    """Added when a title is watched again."""
    binge_bonus: float = 0.3
    """Added to the title that the viewer chooses next in a sitting; like the rewatch, a choice made after a
    watch that pleased."""
    sitting_gap_s: float = 1_800.0
    """Longest pause within a sitting: 30 minutes, the session gap of web analytics."""
    search_bonus: float = 0.3
    """Added to a title that was searched for, then watched: asked for by name, so worth what a binge is."""
    autoplay: float = 0.1
    """Share that a playback counts which nobody chose."""
    thumb_up: float = 2.0
    """Weight of thumbs up: an explicit word is worth two watches."""
    thumb_double_up: float = 3.0
    """Weight of double thumbs up."""
    thumb_down: float = 2.0
    """Strength of the rejection by thumb down."""
    liked_stars: float = 4.0
    """Stars from which a rating is a positive of weight 1 (the protocol of the field's published figures)."""
    disliked_stars: float = 2.0
    """Stars up to which a rating is a rejection of strength 1; between the two a title only becomes known."""
    neutral: float = 0.5
    """Share that a title counts in the history which the viewer knows and neither likes nor rejects: in the
    representation, as a co-watch's seed and in its pairs; never as a choice.
    HR@10, all feedback, with 0 / .5: .2330 / .2421 raw, .1690 / .1705 shuffled; .7 in the first: .2428."""
    former: float = 0.2
    """Share that titles of former sittings count beside those of the present one. HR@10 with 1 / .5 / .2
    / .1: .1511 / .1516 / .1529 / .1527 shuffled, .2074 to .2082 raw; after a change of taste ADR 23."""
    wish: float = 0.5
    """Weight of adding a title to the list or naming it at onboarding: wanted, not yet watched."""
    start: float = 0.1
    """Weight of a start until the stop says more; 0 when it started by itself."""
    ignored_after: int = 3
    """Impressions without a play that make a faint rejection. 0: impressions are not counted."""
    ignored: float = 0.05
    """Strength of that faint rejection."""
    rejection_days: float = 30.0
    """Event time after which a rejection is forgotten."""


Bound = tuple[str, float, float, float]
_SHARES = ("quick_stop_share", "liked_share", "complete_share", "least", "autoplay", "neutral", "former")
_WEIGHTS = (
    "quick_stop", "abandoned", "completion_bonus", "rewatch_bonus", "binge_bonus", "search_bonus", "thumb_up",
    "thumb_double_up", "thumb_down", "wish", "start", "ignored",
)  # fmt: skip
_STEPS = ("learning_rate", "viewer_learning_rate", "rejection")
_TIMES = ("quick_stop_s", "abandoned_after_s", "sitting_gap_s", "rejection_days")


def _reward_bounds(r: RewardConfig) -> list[Bound]:
    return [
        *((name, getattr(r, name), 0, 1) for name in _SHARES),
        *((name, getattr(r, name), 0, 10) for name in _WEIGHTS),
        *((name, getattr(r, name), 0, 1e9) for name in _TIMES),
        ("unknown_duration_s", r.unknown_duration_s, 1, 1e6),
        ("liked_stars", r.liked_stars, r.disliked_stars, 5),
        ("quantile_from", r.quantile_from, 1, 1e12),
        ("quantile_memory", r.quantile_memory, 64, 60_000),
        ("ignored_after", r.ignored_after, 0, 255),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The whole core's configuration.

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
    publish_drift: float = 0.05
    """Length of the way that a title's output vector goes, as a negative, before its row is worth a record
    (vectors are about 1 long)."""
    known_titles: int = 4_096
    """Titles remembered per viewer as known (never shown again); the oldest are forgotten first."""
    viewer_slots: int = 200_000
    """Viewers kept hot in memory per source partition; others wait in the store."""
    title_capacity: int = 200_000
    """Titles known to a process; events of titles beyond it are counted and not learned, so that invented ids
    cannot fill memory."""

    def __post_init__(self) -> None:
        f, c = self.factorization, self.cowatch
        least = 1e-9
        self._require(
            ("factors", f.factors, 1, 256),
            ("horizons", len(f.horizons), 0, 4),
            ("history", f.history, 1, 500),
            ("tags", f.tags, 1, 32_000),
            ("tag_learning_rate", f.tag_learning_rate, 0, 10),
            ("negatives", f.negatives, 0, 10_000),
            ("initial_scale", f.initial_scale, 0, 10),
            ("initial_accumulator", f.initial_accumulator, least, 1e6),
            ("window", c.window, 0, f.history),
            ("seeds", c.seeds, 0, f.history),
            ("long_seeds", c.long_seeds, 0, 500),
            ("alpha", c.alpha, 0, 1),
            ("neighbours", c.neighbours, WAYS, 1_024),
            ("neighbours % 16", c.neighbours % WAYS, 0, 0),
            ("floor", self.blend.floor, least, 1),
            ("rate", self.blend.rate, 0, 1),
            ("rivals", self.blend.rivals, 2, 1_000),
            ("sitting_s", self.blend.sitting_s, 0, 1e9),
            *((name, getattr(self.blend, name), -4, 4) for name in (*EXPERTS, "rejection", "satisfaction")),
            ("known_titles", self.known_titles, 64, 1_000_000),
            ("viewer_slots", self.viewer_slots, 1, 100_000_000),
            ("title_capacity", self.title_capacity, 1, 10_000_000),
            *_reward_bounds(self.reward),
            *(("horizons", d, least, 1) for d in f.horizons),
            *((name, getattr(c, name), least, 1) for name in ("pair_decay", "seed_decay", "long_seed_decay")),
            *((name, getattr(f, name), 0, 10) for name in _STEPS),
            *(("half_lives_s", h, least, 1e12) for h in self.trending.half_lives_s),
        )

    @staticmethod
    def _require(*bounds: Bound) -> None:
        for name, value, low, high in bounds:
            if not low <= value <= high:
                msg = f"{name} = {value} is outside {low}..{high}"
                raise InvalidConfigError(msg)

    @property
    def width(self) -> int:
        """Length of a viewer's representation and of a title's output vector."""
        return self.factorization.factors * (len(self.factorization.horizons) + 1)

    @property
    def input_width(self) -> int:
        """Length of a title's input vectors, all horizons side by side."""
        return self.factorization.factors * len(self.factorization.horizons)

    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change whenever any number above does."""
        return hashlib.blake2b(repr(sorted(asdict(self).items())).encode(), digest_size=6).hexdigest()
