"""Off-policy estimates of artwork selection from the topics: `nearline artwork estimate`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from online_models.artwork.gallery import MOST_VARIANTS
from online_models.experiments.artwork_off_policy import Decisions, estimates, policy_logs
from online_models.experiments.off_policy import OffPolicy
from schemas import DecodeError, topics
from schemas.catalog import Title
from schemas.codec import decode_event, decode_title
from streams.config.settings import Settings
from streams.errors import ExperimentError
from streams.kafka.scan import read_all
from streams.kafka.schema_registry import json_values

__all__ = ["ArtworkEstimates", "artwork_of", "estimate", "estimates_of", "read_decisions"]


class ArtworkEstimates(NamedTuple):
    """Estimated value of artwork selection policies."""

    decisions: int
    """Impressions of artwork with its propensity."""
    won: int
    """Decisions that were followed by a quality watch."""
    without_propensity: int
    """Impressions of artwork without its propensity, which no estimator can use."""
    policies: Mapping[str, Mapping[str, OffPolicy]]
    """Policy, then estimator."""

    def document(self) -> dict[str, object]:
        """Return it under its documented JSON keys."""
        policies = {
            name: {estimator: one._asdict() for estimator, one in found.items()}
            for name, found in self.policies.items()
        }
        return {
            "decisions": self.decisions,
            "won": self.won,
            "without_propensity": self.without_propensity,
            "policies": policies,
        }


def read_decisions(settings: Settings) -> Decisions:
    """Read impressions and watches, as far back as the events' topic reaches."""
    reward = settings.model.reward
    to_json = json_values(settings)
    log = Decisions(liked_share=reward.liked_share, unknown_s=reward.unknown_duration_s)
    for message in read_all(settings, topics.EVENTS):
        try:
            log.read(decode_event(to_json(message.value()), ()))
        except DecodeError:  # reported by the worker as a dead letter
            continue
    return log


def artwork_of(titles: Iterable[Title]) -> dict[str, Sequence[str]]:
    """Return the artwork variants of each title that has more than one."""
    arms = {title.title_id: tuple(one.id for one in title.artwork[:MOST_VARIANTS]) for title in titles}
    return {title_id: variants for title_id, variants in arms.items() if len(variants) > 1}


def estimate(settings: Settings, *, alpha: float) -> ArtworkEstimates:
    """Estimate the mean reward per decision of each artwork selection policy.

    Raises
    ------
    ExperimentError
        No impression names the artwork and its propensity.
    TopicError, BrokerUnreachableError
        The topics cannot be read.
    """
    return estimates_of(read_decisions(settings), artwork_of(_catalog(settings)), alpha=alpha)


def estimates_of(log: Decisions, artwork: Mapping[str, Sequence[str]], *, alpha: float) -> ArtworkEstimates:
    """Estimate from given decisions; see :func:`estimate`."""
    try:
        logs = policy_logs(log.made, artwork)
    except ValueError as error:
        why = (
            f"{log.without_propensity} impressions name artwork without its propensity"
            if log.without_propensity
            else ""
        )
        advice = "send `artwork` and `artwork_propensity` in impressions (schemas/README.md)"
        raise ExperimentError(str(error), why=why, next_step=advice) from None
    policies = {name: estimates(one, alpha=alpha) for name, one in logs.items()}
    return ArtworkEstimates(len(log.made), sum(one.won for one in log.made), log.without_propensity, policies)


def _catalog(settings: Settings) -> list[Title]:
    """Read the titles of the catalog."""
    newest = {message.key(): message.value() for message in read_all(settings, topics.CATALOG)}
    out = []
    for value in newest.values():
        try:
            if value is not None:
                out.append(decode_title(value))
        except DecodeError:  # every reader ignores it
            continue
    return out
