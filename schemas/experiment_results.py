"""Results of experiments. The newest record of an experiment id is the complete result."""

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from schemas.experiments import Figure, Metric, Share
from schemas.fields import Id, Label, SchemaVersion, Seq, Text, TimeMs

__all__ = ["ArmResult", "ExperimentResult", "Lift", "MetricValue", "Preference", "Verdict"]


class Verdict(StrEnum):
    """Conclusion from the results."""

    COLLECTING = "collecting"
    """Not enough viewers or days for the rule."""
    OPEN = "open"
    """No arm is a winner yet, and none is excluded."""
    WINNER = "winner"
    """An arm is better than the control, or preferred to it, and all guardrails hold."""
    NO_WINNER = "no_winner"
    """Every other arm is worse than the control, or the control is preferred."""
    GUARDRAIL = "guardrail"
    """An arm is better, but not all guardrails are shown to hold."""
    SAMPLE_RATIO = "sample_ratio"
    """Sample ratio mismatch: the arms do not have their shares of the viewers, so the results are invalid."""


class MetricValue(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A metric of one arm.

    Attributes
    ----------
    metric
        The metric.
    value
        Observed value.
    adjusted
        Value adjusted for the viewers' behaviour before the experiment.
    low
        Lower bound of the confidence sequence around `adjusted`; absent in results of earlier versions.
    high
        Upper bound.
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
        Planned share of the viewers.
    viewers
        Viewers exposed so far.
    impressions
        Titles that were visible on lists.
    clicks
        Titles opened or played from a list.
    starts
        Playbacks that ended.
    completions
        Of these, playbacks to the credits.
    quality_watches
        Of these, playbacks of more than half of the title.
    abandoned
        Of these, playbacks that ended within a minute.
    watch_minutes
        Minutes watched.
    metrics
        Metrics that have a value.
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
    """Comparison of an arm with the control by one metric. The bounds hold over all looks together.

    Attributes
    ----------
    metric
        The metric.
    arm
        The arm.
    relative
        Relative difference.
    low
        Lower bound of its confidence sequence.
    high
        Upper bound.
    variance_left
        Share of the variance that is left after adjusting for earlier behaviour.
    """

    metric: Metric
    arm: Label
    relative: Figure
    low: Figure
    high: Figure
    variance_left: Figure = 1.0


class Preference(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Preference between two interleaved rankers. The bounds hold over all looks together.

    Attributes
    ----------
    arm
        The ranker that is compared with the control.
    viewers
        Viewers who watched a title that only one of the two had picked.
    mean
        Their mean preference: 1 for `arm` alone, -1 for the control alone.
    low
        Lower bound of its confidence sequence; absent below two viewers.
    high
        Upper bound.
    """

    arm: Label
    viewers: Seq
    mean: Figure
    low: Figure | None = None
    high: Figure | None = None


class ExperimentResult(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """The result of an experiment so far.

    Attributes
    ----------
    experiment_id
        The experiment; the record's key.
    at_ms
        Time of the newest event that is counted (UTC, ms since 1970).
    viewers
        Viewers exposed so far, all arms.
    arms
        The first one is the control.
    lifts
        Each other arm against the control, by each metric that has a value; none if the split is wrong.
    sample_ratio_p
        Sequential p-value of the split; below .001 the results are invalid.
    verdict
        The conclusion.
    because
        The conclusion in words.
    winner
        The best arm that may be rolled out.
    preference
        Preference between two interleaved rankers; absent for A/B tests.
    crossed
        Impressions under another arm than the viewer's first; 0 unless something is wrong.
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
