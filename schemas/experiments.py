"""Experiments as data: what varies for whom, by what it is judged, and what was decided.

The newest record of an experiment's id is the whole experiment; a tombstone takes it away. Which arm a
viewer is in follows from the record and the viewer id alone (`schemas.assignment`).
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


# What an arm of an experiment may change: a closed list, each with its range.


class Ranking(StrEnum):
    """Who ranks the lists of an arm."""

    BLEND = "blend"
    FACTORIZATION = "factorization"
    COWATCH = "cowatch"
    COWATCH_LONG = "cowatch_long"
    TRENDING = "trending"
    POPULARITY = "popularity"


class ArtworkPolicy(StrEnum):
    """Who chooses a title's picture."""

    BANDIT = "bandit"
    """What viewers of like taste watched after they saw it."""
    FIRST = "first"
    """The catalogue: the title's first."""
    UNIFORM = "uniform"
    """Chance, each as likely."""


Share = Annotated[float, Meta(ge=0.0, le=1.0)]
RowKinds = Annotated[tuple[RowKind, ...], Meta(max_length=len(RowKind))]
Factor = Annotated[float, Meta(ge=0.0, le=10.0)]
Exponent = Annotated[float, Meta(ge=-4.0, le=4.0)]


class Treatment(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What an arm changes; what is absent stays as the worker's settings say.

    Attributes
    ----------
    ranking
        One expert alone, or the blend.
    factorization
        Factor on the learned weight of this expert of the blend: 0 leaves it out, 1 changes nothing.
    cowatch
        The same of the co-watch over few titles.
    cowatch_long
        The same of the co-watch over many titles.
    trending
        The same of what is watched of late.
    popularity
        The same of what is watched ever.
    list_length
        Titles of a row, at most as many as the worker's setting.
    rows
        Rows of the page, at most as many as the worker's setting; 1: top picks alone.
    rows_first
        Kinds of rows that stand above all others, in this order.
    rows_without
        Kinds of rows that are not on the page.
    artwork
        Who chooses pictures.
    explore
        Share of the viewers, drawn anew each day, whose page ends with an exploring row.
    watch_time
        Exponent of a title's length, over the mean length, in the odds that titles are ranked by: 1 ranks by
        the time that is expected to be watched.
    completion
        Exponent of how much those who watched a title liked it, by the share watched and their words.
    satisfaction
        Exponent of the share of a title's verdicts that did not turn it down.
    diversity
        Weight of the viewer's own mixture of genres inside top picks, in place of the worker's setting
        (`page.calibration`): 0 ranks by score alone.
    """

    ranking: Ranking | None = None
    factorization: Factor | None = None
    cowatch: Factor | None = None
    cowatch_long: Factor | None = None
    trending: Factor | None = None
    popularity: Factor | None = None
    list_length: Annotated[int, Meta(ge=1, le=200)] | None = None
    rows: Annotated[int, Meta(ge=1, le=40)] | None = None
    rows_first: RowKinds | None = None
    rows_without: RowKinds | None = None
    artwork: ArtworkPolicy | None = None
    explore: Share | None = None
    watch_time: Exponent | None = None
    completion: Exponent | None = None
    satisfaction: Exponent | None = None
    diversity: Factor | None = None


RANKING_FIELDS: Final = (
    "ranking", "factorization", "cowatch", "cowatch_long", "trending", "popularity",
    "watch_time", "completion", "satisfaction",
)  # fmt: skip
"""What a treatment says of the order of titles; all else is about the page."""


class ExperimentKind(StrEnum):
    """How arms are compared."""

    AB = "ab"
    """Each viewer has the lists of one arm."""
    INTERLEAVE = "interleave"
    """Top picks hold both arms' titles, drawn team by team, and what is watched says which is preferred."""


class ExperimentState(StrEnum):
    """Where an experiment is."""

    DRAFT = "draft"
    """Written down; nobody is in it."""
    RUNNING = "running"
    """Viewers are in its arms from `starts_at_ms` to `ends_at_ms`."""
    STOPPED = "stopped"
    """Nobody is in it any more."""
    ROLLED_OUT = "rolled_out"
    """The winner is the default of everybody outside the holdout."""
    ROLLED_BACK = "rolled_back"
    """The winner was the default and is not any more."""


class Metric(StrEnum):
    """What arms are compared by; counted from a viewer's first exposure on, for `window_s` seconds."""

    WATCH_MINUTES = "watch_minutes"
    """Minutes watched, per exposed viewer."""
    QUALITY_WATCHES = "quality_watches"
    """Playbacks past a half of the title, per exposed viewer."""
    CLICK_THROUGH = "click_through"
    """Titles opened or played from a list, per impression."""
    COMPLETION = "completion"
    """Playbacks to the credits, per playback that ended."""
    ABANDONMENT = "abandonment"
    """Playbacks left within a minute, per playback that ended; the lower the better."""
    LIST_DIVERSITY = "list_diversity"
    """Distance of two titles that were seen on one list, from 0 (the same tags) to 1 (none in common)."""


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
        What it changes; absent: nothing.
    """

    name: Label
    share: Share
    treatment: Treatment | None = None


class Audience(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Whom an experiment is about; what is absent does not restrict.

    Attributes
    ----------
    countries
        Viewers who are there.
    devices
        Impressions on these kinds of device alone count as exposures.
    maturity_at_most
        Profiles with a limit, and one of at most so many years: children's.
    new_viewers
        Exposures count of viewers alone whose first event came after the start.
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
        Which.
    worst
        Relative change for the worse that is still tolerated: .02 means two per cent. The bound of the
        confidence sequence has to be within it.
    """

    metric: Metric
    worst: Share = 0.02


class Rule(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """When a winner is rolled out without asking.

    Attributes
    ----------
    min_lift
        The lower bound of the relative lift has to be above it.
    min_days
        Days since the start.
    min_viewers
        Exposed viewers in every arm.
    automatic
        Whether the winner becomes the default; otherwise the results only name it.
    """

    min_lift: Annotated[float, Meta(ge=-1.0, le=10.0)] = 0.0
    min_days: Annotated[float, Meta(ge=0.0, le=366.0)] = 7.0
    min_viewers: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 1_000
    automatic: bool = False


class Evidence(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """On what a roll-out rests.

    Attributes
    ----------
    metric
        By which it was decided.
    lift
        Relative lift of the winner over the control; of two rankers in one list, the mean preference.
    low
        Lower bound of its confidence sequence.
    high
        Its upper bound.
    viewers
        Exposed viewers, all arms.
    sample_ratio_p
        Sequential p-value of the shares that were seen.
    by
        `rule`, or the operator's words.
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
        Where it is.
    arms
        The first one is the control.
    kind
        How they are compared; absent: each viewer has the lists of one.
    salt
        Goes into the hash of the assignment: another salt shuffles the viewers anew. Absent: the id.
    about
        What is believed, in words.
    starts_at_ms
        Exposures from this moment on count (UTC, ms since 1970); absent: all.
    ends_at_ms
        Exposures before this moment count (UTC, ms since 1970); absent: open.
    audience
        Whom it is about; absent: everybody.
    group
        Experiments of one exclusion group never have a viewer in common. Absent: independent of all others.
    group_from
        Its part of the group begins at this bucket, of 10,000.
    group_to
        Its part of the group ends before this bucket.
    holdout
        Share of all viewers who are in no arm and never get a winner: the same viewers for all experiments.
    metric
        What decides.
    guardrails
        What must not get worse.
    window_s
        A viewer's outcome counts for so many seconds after the first exposure. Default: 14 days.
    alpha
        Probability of a false winner, over all looks together.
    rule
        When a winner is rolled out; absent: never by itself.
    winner
        The arm that was rolled out.
    decided_at_ms
        When it was rolled out or back, in event time where the rule decided.
    evidence
        On what that rests.
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
    """The arm under which a list was made.

    Attributes
    ----------
    experiment_id
        The experiment.
    arm
        The viewer's arm, or the winner that was rolled out; `interleaved` where both arms are in one list.
    propensity
        Probability of this arm for this viewer; absent: 1, nobody was drawn.
    """

    experiment_id: Id
    arm: Label
    propensity: Annotated[float, Meta(gt=0.0, le=1.0)] = 1.0
