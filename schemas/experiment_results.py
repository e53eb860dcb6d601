"""What experiments came to: one record an experiment, the newest is the whole result."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas.experiments import Figure, Metric, Share
from schemas.fields import Id, Label, SchemaVersion, Seq, Text, TimeMs

__all__ = ["ArmResult", "ExperimentResult", "Lift", "MetricValue", "Preference", "Verdict"]


class Verdict(StrEnum):
    """What the results allow to say."""

    COLLECTING = "collecting"
    """Too few viewers or days for the rule."""
    OPEN = "open"
    """No arm is a winner yet, none is excluded."""
    WINNER = "winner"
    """An arm is better than the control, or preferred to it, and no guardrail is broken."""
    NO_WINNER = "no_winner"
    """Every other arm is worse than the control, or the control is preferred."""
    GUARDRAIL = "guardrail"
    """An arm is better, and a guardrail is not shown to hold."""
    SAMPLE_RATIO = "sample_ratio"
    """The arms do not have the viewers that their shares say: nothing here may be read."""


class MetricValue(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A metric of one arm.

    Attributes
    ----------
    metric
        Which.
    value
        Its value, as it was seen.
    adjusted
        The same with what the viewers' past explains taken out.
    low
        Lower bound of the confidence sequence around `adjusted`; absent in results of former versions.
    high
        Its upper bound.
    """

    metric: Metric
    value: Figure
    adjusted: Figure
    low: Figure | None = None
    high: Figure | None = None


class ArmResult(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One arm.

    Attributes
    ----------
    arm
        Its name.
    share
        Of the viewers, as it was planned.
    viewers
        Exposed so far.
    impressions
        Titles on lists that they saw.
    clicks
        Titles that they opened or played from a list.
    starts
        Playbacks that ended.
    completions
        Of these, to the credits.
    quality_watches
        Of these, past a half.
    abandoned
        Of these, left within a minute.
    watch_minutes
        Watched by these viewers.
    metrics
        The metrics that have a value.
    """

    arm: Label
    share: Share
    viewers: Seq
    impressions: Seq = 0
    clicks: Seq = 0
    starts: Seq = 0
    completions: Seq = 0
    quality_watches: Seq = 0
    abandoned: Seq = 0
    watch_minutes: Figure = 0.0
    metrics: Annotated[tuple[MetricValue, ...], Meta(max_length=20)] = ()


class Lift(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An arm against the control by one metric; the bounds hold for all looks together.

    Attributes
    ----------
    metric
        By what.
    arm
        Which arm.
    relative
        Relative difference.
    low
        Lower bound of its confidence sequence.
    high
        Upper bound.
    variance_left
        Share of the variance that the viewers' past does not explain.
    """

    metric: Metric
    arm: Label
    relative: Figure
    low: Figure
    high: Figure
    variance_left: Figure = 1.0


class Preference(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Which of two rankers in one list viewers watch; the bounds hold for all looks together.

    Attributes
    ----------
    arm
        The ranker that is compared with the control.
    viewers
        Who watched something that one of the two had picked alone.
    mean
        Mean preference of these: 1 for `arm` alone, -1 for the control alone.
    low
        Lower bound of its confidence sequence; absent below two viewers.
    high
        Its upper bound.
    """

    arm: Label
    viewers: Seq
    mean: Figure
    low: Figure | None = None
    high: Figure | None = None


class ExperimentResult(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What an experiment came to so far.

    Attributes
    ----------
    experiment_id
        The experiment; the record's key.
    at_ms
        Newest event that is counted (UTC, ms since 1970).
    viewers
        Exposed so far, all arms.
    arms
        The first one is the control.
    lifts
        Every other arm against the control, by every metric that has a value; none where the split is wrong.
    sample_ratio_p
        Sequential p-value of the split; below .001 nothing may be read.
    verdict
        What may be said.
    because
        The same in words.
    winner
        The best arm that may be rolled out.
    preference
        Of two rankers in one list, what viewers prefer; absent where arms have lists of their own.
    crossed
        Impressions under another arm than the viewer's first: should be none.
    schema_version
        Version of the contract; absent means 1.
    """

    experiment_id: Id
    at_ms: TimeMs
    viewers: Seq
    arms: Annotated[tuple[ArmResult, ...], Meta(max_length=20)]
    lifts: Annotated[tuple[Lift, ...], Meta(max_length=200)]
    sample_ratio_p: Share
    verdict: Verdict
    because: Text
    winner: Label | None = None
    preference: Preference | None = None
    crossed: Seq = 0
    schema_version: SchemaVersion = 1
