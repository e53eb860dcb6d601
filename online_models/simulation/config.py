"""Every parameter of the world: default, unit, and where the number comes from.

Sources by their short names: *GUH* is Gomez-Uribe and Hunt, "The Netflix recommender system" (ACM TMIS
2016); *JSS* is Joachims, Swaminathan and Schnabel, "Unbiased learning-to-rank with biased feedback" (WSDM
2017).
*Assumed*: no public figure; chosen so that the world looks like an evening of film and series, and open to
change. Conclusions should survive other values; `nearline simulate --closed-loop` is quick enough to try.
"""

from dataclasses import dataclass, field

__all__ = ["CatalogConfig", "ChoiceConfig", "TasteConfig", "VisitConfig", "WatchConfig", "WorldConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogConfig:
    """What there is to watch."""

    facets: int = 16
    """Kinds of story that lie behind the tags. This, the mixtures and the residuals set how learnable the
    world is; they are chosen so that on its stream the blend's HR@10 is 1.6 to 2 times popularity's (on
    MovieLens-100K 2.3 times): not easier than what is known to be learnable."""
    dimensions: int = 16
    """Numbers in a taste: fewer than facets, so that some go together. Assumed."""
    mixture: float = 0.05
    """Dirichlet concentration of a title's facets: most titles are of one or two. Assumed."""
    residual: float = 0.3
    """What no tag says, in lengths of what the tags say: for viewers as for titles. Assumed."""
    zipf: float = 0.85
    """Exponent of fame: the tenth title draws an eighth of the first one's attention. Views of video on
    demand follow Zipf with .8 to 1 (Yu et al., EuroSys 2006, report a like shape)."""
    upcoming: float = 0.10
    """Share of titles that come out while the world runs."""
    release_span_days: float = 28.0
    """They come out within so many days: with 600 titles two a day. Assumed."""
    back_catalogue_days: float = 20 * 365.0
    """The others are up to twenty years old."""
    series: float = 0.25
    """Share of titles that are episodes of a series. Assumed: small, so that films stay the matter."""
    episodes: tuple[int, int] = (4, 8)
    """Fewest and most episodes of a series (a season)."""
    sharpness: float = 2.0
    """Deviation of the log odds of words within a facet: a few words of each kind stand for it."""
    scarce: int | None = None
    """Kind of story of which there is less than is wanted; None: all are made alike."""
    scarce_kept: float = 0.2
    """Share of its titles that it keeps; the others are of another kind."""
    scarce_wanted: float = 1.0
    """How much more of it is in tastes than of another kind."""
    film_minutes: tuple[float, float] = (100.0, 28.0)
    """Mean and deviation of a film's length, within 20 and 210 minutes."""
    episode_minutes: tuple[float, float] = (42.0, 12.0)
    """Mean and deviation of a series' episode length, within 18 and 75 minutes."""
    ages: tuple[tuple[int, float], ...] = ((0, 0.35), (6, 0.15), (12, 0.25), (16, 0.2), (18, 0.05))
    """Maturity of titles: youngest age, share. Assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TasteConfig:
    """What viewers are like, and how it changes."""

    mixture: float = 0.08
    """Dirichlet concentration of a profile's facets: one to three matter. Assumed."""
    drift: float = 0.03
    """Standard deviation of a taste's daily step, each dimension (a taste has length 1): after four weeks the
    cosine with the former self is about .8. Assumed."""
    switch: float = 0.005
    """Chance a day that a profile moves half-way to another taste (a new season, a new job). Assumed."""
    households: float = 0.25
    """Share of accounts with two profiles' tastes behind one id. Assumed; surveys of shared accounts give
    more."""
    daytime: tuple[int, int] = (6, 18)
    """Hours in which the second profile of a household is mostly in front of the screen."""
    daytime_share: float = 0.85
    """Chance that it is the second in daytime, and the first in the evening. Assumed."""
    late_arrivals: float = 0.2
    """Share of viewers who arrive while the world runs, evenly over the span of releases."""
    preferences: float = 0.3
    """Chance that a viewer states preferences at the first visit (onboarding can be skipped). Assumed."""
    liked_titles: int = 2
    """Famous titles that they name as liked then: of the fifty most famous, the best fitting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitConfig:
    """When viewers come."""

    a_day: float = 1.0
    """Visits of a viewer and day, on average; two in one hour count as one, which costs a tenth of them.
    Assumed: an evening's use of a subscriber."""
    activity: float = 0.8
    """Spread of activity, log-normal: a tenth of the viewers make a third of the visits. Assumed."""
    hours: tuple[float, ...] = (
        *(2.0, 1.0, 0.5, 0.3, 0.3, 0.5, 1.0, 2.0, 2.5, 2.5, 2.5, 3.0),
        *(3.5, 3.5, 3.5, 3.5, 4.0, 5.0, 7.0, 9.0, 10.0, 10.0, 7.0, 4.0),
    )
    """Weight of each hour of the day (UTC, from midnight): a prime time from 19 to 22 that is known from
    television. Shape assumed."""
    weekdays: tuple[float, ...] = (0.9, 0.85, 0.9, 0.95, 1.1, 1.25, 1.15)
    """Weight of each day from Monday on: weekends are busier. Assumed."""
    max_views: int = 8
    """Titles started in a visit at most: "are you still watching?" ends the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceConfig:
    """What is examined, and what is chosen."""

    row_exponent: float = 0.8
    """Examination falls with the row as (1 + row)^-.8 ..."""
    slot_exponent: float = 0.6
    """... and with the slot as (1 + slot)^-.6: the position-based model of JSS with (1/rank)^eta (eta = 1
    there, for search results; pictures in a row are taken in faster: .6 examines 7 of 20, near the 10 to 20
    titles that GUH say are reviewed on a page)."""
    taste: float = 10.0
    """Log odds that a perfect fit gains over an indifferent one. Assumed: a page at random leads to a start
    at two looks of five, the oracle's at nine of ten."""
    fame: float = 1.2
    """Log odds for a standard deviation of log fame: known titles are started more readily. Assumed."""
    novelty: float = 1.5
    """Log odds of a title on the day it comes out."""
    novelty_half_life_days: float = 5.0
    """After so many days the novelty is half. Assumed; premieres draw most in their first week."""
    foreign: float = 0.5
    """Log odds lost by a title in a language that is not the viewer's. Assumed."""
    next_episode: float = 2.0
    """Log odds gained by the episode after one that was watched."""
    ahead: float = 3.0
    """Log odds lost by an episode whose predecessor was not watched: nobody begins in the middle."""
    had: float = 6.0
    """Log odds lost by a title that was watched already: films are rarely watched twice."""
    outside: float = 5.0
    """Log odds of choosing nothing, against an indifferent title: a viewer who sees nothing good leaves (GUH:
    interest is lost after 60 to 90 seconds)."""
    searched: float = 0.2
    """Chance that a visit begins with a search, whatever the page shows (GUH: 20 % of the hours)."""
    in_vain: float = 0.25
    """Chance that a visit of somebody whose taste is mostly of the scarce kind begins with a search for it
    that finds nothing. Assumed."""
    considered: int = 48
    """Titles that come to mind in a search, or that friends speak of. Assumed."""
    awareness: float = 0.3
    """They are drawn by their share of attention to this power, and by novelty: below 1, because fame counts
    once more when it is chosen."""
    rejected: float = 0.25
    """Chance that an examined title that does not fit is turned down (a skip), once a look at most."""
    listed: float = 0.04
    """Chance that an examined title that fits, and was not chosen, is put on the viewer's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """How long it is watched, and what follows."""

    steepness: float = 7.0
    """Enjoyment is a logistic of the fit, so steep ..."""
    middle: float = 0.3
    """... and half at this fit (titles at random have fits of deviation .25)."""
    quality: float = 0.2
    """A standard deviation of quality is worth so much fit."""
    fame_in_quality: float = 0.5
    """Correlation of quality with log fame: good titles become known, hyped ones too. Assumed."""
    quick: float = 0.5
    """Chance that a title without any enjoyment is left within `early_s`; it falls with the square of what is
    missing to full enjoyment."""
    early_s: tuple[float, float] = (10.0, 90.0)
    """A title that disappoints is left between these seconds (GUH: 60 to 90)."""
    bored_minutes: tuple[float, float] = (12.0, 600.0)
    """Mean minutes until interest is lost, at enjoyment 0 and at 1 (geometric between): the hazard that makes
    long titles be stopped more often, so that the share watched confounds taste with duration."""
    called_away_minutes: float = 500.0
    """Mean minutes until something else ends the evening, however good the title. Assumed."""
    finished: float = 0.93
    """Share of a title after which the credits run."""
    again_after_finish: float = 0.4
    """Chance of another look at the page after a finished title ..."""
    again_after_quick: float = 0.7
    """... after one that was left at once ..."""
    again_after_stop: float = 0.15
    """... and after any other stop. Assumed."""
    binge: float = 0.9
    """Chance, times enjoyment, that the next episode plays by itself to the end of the countdown. Assumed."""
    paused: float = 0.15
    """Chance that a playback is paused."""
    thumbed: float = 0.15
    """Chance that a playback is judged by thumb."""
    disliked: float = 0.3
    """Enjoyment below which a thumb goes down ..."""
    liked: float = 0.6
    """... above which it goes up ..."""
    loved: float = 0.9
    """... and above which twice up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldConfig:
    """All of it.

    Examples
    --------
    >>> from dataclasses import replace
    >>> replace(WorldConfig(), taste=TasteConfig(households=0.0)).taste.households
    0.0
    """

    catalog: CatalogConfig = field(default_factory=CatalogConfig)
    taste: TasteConfig = field(default_factory=TasteConfig)
    visits: VisitConfig = field(default_factory=VisitConfig)
    choice: ChoiceConfig = field(default_factory=ChoiceConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
