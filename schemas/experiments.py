"""Experiments as data: arms, audience, metrics, and the decision.

The newest record of an experiment id is the complete experiment; a tombstone removes it. The arm of a viewer
follows from the record and the viewer id alone (`schemas.assignment`).
"""

from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.fields import Country, Id, Label, Labels, Maturity, RowKind, SchemaVersion, Text, TimeMs

__all__ = [
    "RANKING_FIELDS",
    "Arm",
    "ArtworkPolicy",
    "Audience",
    "Evidence",
    "Experiment",
    "ExperimentKind",
    "ExperimentState",
    "Guardrail",
    "ListArm",
    "Metric",
    "Ranking",
    "Rule",
    "Share",
    "Treatment",
]


# Treatments: a closed list of what an arm may change, each with its range.


class Ranking(StrEnum):
    """The ranker of an arm: the blend, or one expert alone."""

    BLEND = "blend"
    FACTORIZATION = "factorization"
    COWATCH = "cowatch"
    COWATCH_LONG = "cowatch_long"
    TRENDING = "trending"
    POPULARITY = "popularity"


class ArtworkPolicy(StrEnum):
    """How the artwork of a title is chosen."""

    BANDIT = "bandit"
    """A contextual bandit: by what viewers of similar taste watched after seeing the artwork."""
    FIRST = "first"
    """The first artwork of the title in the catalog."""
    UNIFORM = "uniform"
    """At random, each with the same probability."""


Share = Annotated[float, Meta(ge=0.0, le=1.0)]
RowKinds = Annotated[tuple[RowKind, ...], Meta(max_length=len(RowKind))]
Factor = Annotated[float, Meta(ge=0.0, le=10.0)]
Exponent = Annotated[float, Meta(ge=-4.0, le=4.0)]


class Treatment(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The changes of an arm; absent fields keep the settings of the worker.

    Attributes
    ----------
    ranking
        One expert alone, or the blend.
    factorization
        Factor on the learned weight of this expert in the blend: 0 removes it, 1 changes nothing.
    cowatch
        The same for co-watch over a short history.
    cowatch_long
        The same for co-watch over a long history.
    trending
        The same for trending titles.
    popularity
        The same for all-time popularity.
    guests
        The same for the worker's external rankers (`NEARLINE_MODEL__GUESTS`).
    list_length
        Titles in a row, at most as many as in the worker's settings.
    rows
        Rows of the page, at most as many as in the worker's settings; 1: top picks alone.
    rows_first
        Kinds of rows that are placed first, in this order.
    rows_without
        Kinds of rows that are not on the page.
    artwork
        How artwork is chosen.
    explore
        Share of the viewers, drawn daily, whose page ends with an exploration row.
    watch_time
        Exponent of the length of a title, relative to the mean length, in its ranking odds: 1 ranks by
        expected watch time.
    completion
        Exponent of how much its viewers liked the title, by share watched and ratings.
    satisfaction
        Exponent of the share of the feedback on a title that was no rejection.
    calibration
        Weight of the viewer's own genre proportions in top picks, instead of the worker's setting
        `page.calibration`: 0 for none.
    diversity
        Weight of genres that are new on the list in top picks, instead of the worker's setting
        `page.variety`: 0 for none.
    """

    ranking: Ranking | None = None
    factorization: Factor | None = None
    cowatch: Factor | None = None
    cowatch_long: Factor | None = None
    trending: Factor | None = None
    popularity: Factor | None = None
    guests: Factor | None = None
    list_length: Annotated[int, Meta(ge=1, le=200)] | None = None
    rows: Annotated[int, Meta(ge=1, le=40)] | None = None
    rows_first: RowKinds | None = None
    rows_without: RowKinds | None = None
    artwork: ArtworkPolicy | None = None
    explore: Share | None = None
    watch_time: Exponent | None = None
    completion: Exponent | None = None
    satisfaction: Exponent | None = None
    calibration: Factor | None = None
    diversity: Factor | None = None


RANKING_FIELDS: Final = (
    "ranking", "factorization", "cowatch", "cowatch_long", "trending", "popularity",
    "guests", "watch_time", "completion", "satisfaction",
)  # fmt: skip
"""Fields of a treatment that change the order of titles; the others change the page."""


class ExperimentKind(StrEnum):
    """Design of an experiment."""

    AB = "ab"
    """A/B test: each viewer gets the lists of one arm."""
    INTERLEAVE = "interleave"
    """Team-draft interleaving: top picks contain titles of both arms; watches show which arm is preferred."""


class ExperimentState(StrEnum):
    """State of an experiment."""

    DRAFT = "draft"
    """Defined; no viewer is assigned."""
    RUNNING = "running"
    """Viewers are assigned to arms from `starts_at_ms` to `ends_at_ms`."""
    STOPPED = "stopped"
    """No viewer is assigned any more."""
    ROLLED_OUT = "rolled_out"
    """The winner is the default for all viewers outside the holdout."""
    ROLLED_BACK = "rolled_back"
    """The winner was the default and no longer is."""


class Metric(StrEnum):
    """Metric by which arms are compared, counted for `window_s` seconds from a viewer's first exposure."""

    WATCH_MINUTES = "watch_minutes"
    """Minutes watched, per exposed viewer."""
    QUALITY_WATCHES = "quality_watches"
    """Playbacks of more than half of the title, per exposed viewer."""
    CLICK_THROUGH = "click_through"
    """Titles opened or played from a list, per impression."""
    COMPLETION = "completion"
    """Playbacks to the credits, per playback that ended."""
    ABANDONMENT = "abandonment"
    """Playbacks that ended within a minute, per playback that ended; lower is better."""
    LIST_DIVERSITY = "list_diversity"
    """Distance between two titles seen on one list, from 0 (same tags) to 1 (no common tag)."""


Figure = Annotated[float, Meta(ge=-1e12, le=1e12)]


class Arm(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One arm.

    Attributes
    ----------
    name
        Its name.
    share
        Share of the experiment's viewers, in steps of .0001.
    treatment
        The changes; absent: none.
    """

    name: Label
    share: Share
    treatment: Treatment | None = None


class Audience(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The audience of an experiment; absent fields do not restrict it.

    Attributes
    ----------
    countries
        Viewers in these countries.
    devices
        Only impressions on these kinds of device count as exposures.
    maturity_at_most
        Only profiles with an age limit of at most this many years, such as children's profiles.
    new_viewers
        Only viewers whose first event came after the start are exposed.
    """

    countries: Annotated[tuple[Country, ...], Meta(max_length=250)] = ()
    devices: Labels = ()
    maturity_at_most: Maturity | None = None
    new_viewers: bool = False


class Guardrail(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A metric that a winner must not make worse.

    Attributes
    ----------
    metric
        The metric.
    worst
        Tolerated relative deterioration: .02 means two per cent. The bound of the confidence sequence must be
        within it.
    """

    metric: Metric
    worst: Share = 0.02


class Rule(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Conditions under which a winner is rolled out.

    Attributes
    ----------
    min_lift
        The lower bound of the relative lift must be above it.
    min_days
        Minimum days since the start.
    min_viewers
        Minimum exposed viewers in every arm.
    automatic
        True: the winner becomes the default. False: the results only name it.
    """

    min_lift: Annotated[float, Meta(ge=-1.0, le=10.0)] = 0.0
    min_days: Annotated[float, Meta(ge=0.0, le=366.0)] = 7.0
    min_viewers: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 1_000
    automatic: bool = False


class Evidence(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Evidence for a roll-out.

    Attributes
    ----------
    metric
        The metric that decided.
    lift
        Relative lift of the winner over the control; with interleaving, the mean preference.
    low
        Lower bound of its confidence sequence.
    high
        Its upper bound.
    viewers
        Exposed viewers, all arms.
    sample_ratio_p
        Sequential p-value of the observed shares of the arms.
    by
        `rule`, or a note of the operator.
    """

    metric: Metric
    lift: Figure
    low: Figure
    high: Figure
    viewers: Annotated[int, Meta(ge=0)]
    sample_ratio_p: Share
    by: Text


class Experiment(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An experiment.

    Attributes
    ----------
    experiment_id
        Its name; the record's key.
    state
        State of the experiment.
    arms
        The first one is the control.
    kind
        How arms are compared; absent: A/B test.
    salt
        Input of the assignment hash: another salt assigns viewers independently. Absent: the id.
    about
        The hypothesis, in words.
    starts_at_ms
        Exposures from this time on count (UTC, ms since 1970); absent: all.
    ends_at_ms
        Exposures before this time count (UTC, ms since 1970); absent: no end.
    audience
        The audience; absent: all viewers.
    group
        Exclusion group: experiments of one group share no viewer. Absent: independent of all others.
    group_from
        First bucket of its part of the group, of 10,000.
    group_to
        End of its part of the group, exclusive.
    holdout
        Share of viewers in no arm and without roll-outs; all experiments hold out the same viewers.
    metric
        The metric that decides.
    guardrails
        Metrics that a winner must not make worse.
    window_s
        Seconds after the first exposure during which outcomes count. Default: 14 days.
    alpha
        Probability of a false winner over all looks at the results.
    rule
        Conditions of an automatic roll-out; absent: none.
    winner
        The arm that was rolled out.
    decided_at_ms
        Time of the roll-out or roll-back; event time if the rule decided (UTC, ms since 1970).
    evidence
        Evidence for the decision.
    schema_version
        Version of the contract; absent means 1.
    """

    experiment_id: Id
    state: ExperimentState
    arms: Annotated[tuple[Arm, ...], Meta(min_length=1, max_length=20)]
    kind: ExperimentKind = ExperimentKind.AB
    salt: Label | None = None
    about: Text | None = None
    starts_at_ms: TimeMs | None = None
    ends_at_ms: TimeMs | None = None
    audience: Audience | None = None
    group: Label | None = None
    group_from: Annotated[int, Meta(ge=0, le=10_000)] = 0
    group_to: Annotated[int, Meta(ge=0, le=10_000)] = 10_000
    holdout: Annotated[float, Meta(ge=0.0, le=0.5)] = 0.0
    metric: Metric = Metric.WATCH_MINUTES
    guardrails: Annotated[tuple[Guardrail, ...], Meta(max_length=10)] = ()
    window_s: Annotated[float, Meta(gt=0.0, le=31_622_400.0)] = 1_209_600.0
    alpha: Annotated[float, Meta(gt=0.0, le=0.5)] = 0.05
    rule: Rule | None = None
    winner: Label | None = None
    decided_at_ms: TimeMs | None = None
    evidence: Evidence | None = None
    schema_version: SchemaVersion = 1


class ListArm(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The arm under which a list was computed.

    Attributes
    ----------
    experiment_id
        The experiment.
    arm
        The viewer's arm, or the winner that was rolled out; `interleaved` if both arms are in one list.
    propensity
        Probability of this arm for this viewer; absent: 1, no random assignment.
    """

    experiment_id: Id
    arm: Label
    propensity: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
