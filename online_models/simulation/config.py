"""Parameters of the simulated world: default, unit, and source of each number.

Sources by their short names: *GUH* is Gomez-Uribe and Hunt, "The Netflix recommender system" (ACM TMIS
2016); *JSS* is Joachims, Swaminathan and Schnabel, "Unbiased learning-to-rank with biased feedback" (WSDM
2017).
*Assumed*: there is no public figure; the value is a plausible one for film and series at home. Conclusions
should hold for other values, too; `nearline simulate --closed-loop` is quick enough to try.
"""

from dataclasses import dataclass, field

__all__ = ["CatalogConfig", "ChoiceConfig", "TasteConfig", "VisitConfig", "WatchConfig", "WorldConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogConfig:
    """The titles."""

    facets: int = 16
    """Latent kinds of story from which tags are drawn. This, the mixtures and the residuals determine how
    learnable the world is: on its stream the HR@10 of the blend is 1.6 to 2 times that of popularity (on
    MovieLens-100K 2.3 times), so the world is not easier than real data."""
    dimensions: int = 16
    """Dimensions of a taste: fewer than facets, so that some facets correlate. Assumed."""
    mixture: float = 0.05
    """Dirichlet concentration of a title's facets: most titles have one or two. Assumed."""
    residual: float = 0.3
    """Length of the part of a vector that no tag explains, relative to the part that tags explain; for
    viewers and titles alike. Assumed."""
    zipf: float = 0.85
    """Zipf exponent of attention: the tenth title gets an eighth of the attention of the first. Views of
    video on demand follow Zipf with .8 to 1 (Yu et al., EuroSys 2006, report a similar shape)."""
    upcoming: float = 0.10
    """Share of titles that are released during the simulation."""
    release_span_days: float = 28.0
    """Days over which these are released: two a day with 600 titles. Assumed."""
    back_catalog_days: float = 20 * 365.0
    """Greatest age of the other titles: twenty years. Assumed."""
    series: float = 0.25
    """Share of titles that are episodes of a series. Assumed: a minority."""
    episodes: tuple[int, int] = (4, 8)
    """Fewest and most episodes of a series (a season)."""
    sharpness: float = 2.0
    """Standard deviation of the log odds of tags within a facet: a few tags of each kind are typical of
    it."""
    scarce: int | None = None
    """Facet with fewer titles than demand; None: all facets are alike."""
    scarce_kept: float = 0.2
    """Share of its titles that the scarce facet keeps; the others get another facet."""
    scarce_wanted: float = 1.0
    """How much more weight the scarce facet has in tastes than another one."""
    film_minutes: tuple[float, float] = (100.0, 28.0)
    """Mean and deviation of a film's length, within 20 and 210 minutes."""
    episode_minutes: tuple[float, float] = (42.0, 12.0)
    """Mean and deviation of a series' episode length, within 18 and 75 minutes."""
    ages: tuple[tuple[int, float], ...] = ((0, 0.35), (6, 0.15), (12, 0.25), (16, 0.2), (18, 0.05))
    """Maturity of titles: youngest age, share. Assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TasteConfig:
    """Tastes of viewers, and how they change."""

    mixture: float = 0.08
    """Dirichlet concentration of a profile's facets: one to three have weight. Assumed."""
    drift: float = 0.03
    """Standard deviation of a taste's daily step in each dimension (a taste has length 1): after four weeks
    the cosine with the former taste is about .8. Assumed."""
    switch: float = 0.005
    """Daily probability that a profile moves half-way to another taste. Assumed."""
    households: float = 0.25
    """Share of viewer ids that two people with different tastes use. Assumed; surveys of shared accounts
    report more."""
    daytime: tuple[int, int] = (6, 18)
    """Hours in which mostly the second person of a household watches."""
    daytime_share: float = 0.85
    """Probability that it is the second in these hours, and the first in the others. Assumed."""
    late_arrivals: float = 0.2
    """Share of viewers who arrive during the simulation, evenly over the span of releases."""
    preferences: float = 0.3
    """Probability that a viewer states preferences at the first visit (onboarding can be skipped).
    Assumed."""
    liked_titles: int = 2
    """Titles that they name as liked: the best fitting ones of the fifty most famous."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitConfig:
    """Times of visits."""

    a_day: float = 1.0
    """Mean visits per viewer and day; two in one hour count as one, which removes a tenth of them.
    Assumed."""
    activity: float = 0.8
    """Standard deviation of the log-normal activity: a tenth of the viewers make a third of the visits.
    Assumed."""
    hours: tuple[float, ...] = (
        *(2.0, 1.0, 0.5, 0.3, 0.3, 0.5, 1.0, 2.0, 2.5, 2.5, 2.5, 3.0),
        *(3.5, 3.5, 3.5, 3.5, 4.0, 5.0, 7.0, 9.0, 10.0, 10.0, 7.0, 4.0),
    )
    """Weight of each hour of the day (UTC, from midnight), with the prime time of television from 19 to 22.
    Shape assumed."""
    weekdays: tuple[float, ...] = (0.9, 0.85, 0.9, 0.95, 1.1, 1.25, 1.15)
    """Weight of each day of the week, from Monday on. Assumed."""
    max_views: int = 8
    """Most titles started in a visit, as with the question "are you still watching?"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceConfig:
    """What viewers examine and choose."""

    row_exponent: float = 0.8
    """Examination falls with the row as (1 + row)^-.8 ..."""
    slot_exponent: float = 0.6
    """... and with the slot as (1 + slot)^-.6: the position-based model of JSS with (1/rank)^eta (eta = 1
    there, for search results; artwork in a row is examined faster: with .6, 7 of 20 are examined, near the 10
    to 20 titles that are reviewed on a page according to GUH)."""
    taste: float = 10.0
    """Log odds that a perfect fit gains over a neutral one. Assumed: 40 % of the views of a random page lead
    to a start, and 90 % of those of the oracle's page."""
    fame: float = 1.2
    """Log odds for a standard deviation of log fame: known titles are started more often. Assumed."""
    novelty: float = 1.5
    """Log odds gained by a title on the day of its release. Assumed."""
    novelty_half_life_days: float = 5.0
    """Half-life of the novelty in days. Assumed; premieres are watched most in their first week."""
    foreign: float = 0.5
    """Log odds lost by a title in another language than the viewer's. Assumed."""
    next_episode: float = 2.0
    """Log odds gained by the next episode. Assumed."""
    ahead: float = 3.0
    """Log odds lost by an episode if the one before it was not watched. Assumed."""
    had: float = 6.0
    """Log odds lost by a title that was watched already. Assumed."""
    outside: float = 5.0
    """Log odds of choosing nothing, against a neutral title: a viewer who finds nothing good leaves (GUH:
    after 60 to 90 seconds)."""
    searched: float = 0.2
    """Probability that a visit begins with a search (GUH: 20 % of the hours watched)."""
    in_vain: float = 0.25
    """Probability that a visit of a viewer with mostly the scarce facet begins with a search for it that
    finds nothing. Assumed."""
    considered: int = 48
    """Titles that a viewer considers in a search. Assumed."""
    awareness: float = 0.3
    """These are drawn by novelty and by their share of attention to this power; below 1, because fame also
    counts in the choice."""
    rejected: float = 0.25
    """Probability that an examined title that does not fit is skipped, at most one per view of a page."""
    listed: float = 0.04
    """Probability that an examined title that fits, and was not chosen, is added to the viewer's list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchConfig:
    """How long titles are watched, and what follows."""

    steepness: float = 7.0
    """Slope of enjoyment, a logistic function of the fit ..."""
    middle: float = 0.3
    """... and the fit at which it is one half (fits of random titles have a standard deviation of .25)."""
    quality: float = 0.2
    """Fit that a standard deviation of quality adds."""
    fame_in_quality: float = 0.5
    """Correlation of quality with log fame. Assumed."""
    quick: float = 0.5
    """Probability that a title without any enjoyment is stopped within `early_s`; it is multiplied by
    (1 - enjoyment) squared."""
    early_s: tuple[float, float] = (10.0, 90.0)
    """Seconds after which such a title is stopped, first and last (GUH: 60 to 90)."""
    bored_minutes: tuple[float, float] = (12.0, 600.0)
    """Mean minutes until interest is lost, at enjoyment 0 and at 1 (geometric between). By this hazard long
    titles are stopped more often, so the share watched confounds taste with duration."""
    called_away_minutes: float = 500.0
    """Mean minutes until a visit ends for a reason that has nothing to do with the title. Assumed."""
    finished: float = 0.93
    """Share of a title at which the credits begin."""
    again_after_finish: float = 0.4
    """Probability of another view of the page after a finished title ..."""
    again_after_quick: float = 0.7
    """... after one that was stopped at once ..."""
    again_after_stop: float = 0.15
    """... and after any other stop. Assumed."""
    binge: float = 0.9
    """Probability, times enjoyment, that the viewer lets the next episode start by itself. Assumed."""
    paused: float = 0.15
    """Probability that a playback is paused. Assumed."""
    thumbed: float = 0.15
    """Probability that a playback is rated by thumb. Assumed."""
    disliked: float = 0.3
    """Enjoyment below which the rating is thumbs down ..."""
    liked: float = 0.6
    """... above which it is thumbs up ..."""
    loved: float = 0.9
    """... and above which it is two thumbs up. Assumed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldConfig:
    """Parameters of a simulated world.

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
