"""What pictures led to, out of the topics: `nearline artwork estimate`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from online_models.artwork.gallery import MOST_VARIANTS
from online_models.experiments.artwork_off_policy import Decisions, policy_logs
from online_models.experiments.off_policy import OffPolicy, evaluate
from schemas import DecodeError, topics
from schemas.catalog import Title
from schemas.codec import decode_event, decode_title
from streams.config.settings import Settings
from streams.errors import ExperimentError
from streams.kafka.scan import read_all

__all__ = ["Estimates", "estimate", "pictures_of", "read_decisions"]


class Estimates(NamedTuple):
    """What ways of choosing pictures came to, or would have."""

    decisions: int
    won: int
    untold: int
    """Impressions of a picture without its probability, which say nothing."""
    policies: Mapping[str, Mapping[str, OffPolicy]]
    """Policy, then estimator."""

    def document(self) -> dict[str, object]:
        """Return it under its documented JSON keys."""
        said = {
            name: {estimator: one._asdict() for estimator, one in found.items()}
            for name, found in self.policies.items()
        }
        return {"decisions": self.decisions, "won": self.won, "untold": self.untold, "policies": said}


def read_decisions(settings: Settings) -> Decisions:
    """Read what was seen and watched, as far as the events' topic reaches back."""
    reward = settings.model.reward
    log = Decisions(liked_share=reward.liked_share, unknown_s=reward.unknown_duration_s)
    for message in read_all(settings, topics.EVENTS):
        try:
            log.read(decode_event(message.value(), ()))
        except DecodeError:  # the worker has told of it
            continue
    return log


def pictures_of(titles: Iterable[Title]) -> dict[str, Sequence[str]]:
    """Return the pictures of each title among which there is a choice."""
    arms = {title.title_id: tuple(one.id for one in title.artwork[:MOST_VARIANTS]) for title in titles}
    return {title_id: some for title_id, some in arms.items() if len(some) > 1}


def estimate(settings: Settings, *, alpha: float) -> Estimates:
    """Estimate what each way of choosing pictures gets of a decision, on average.

    Raises
    ------
    ExperimentError
        No impression says which picture was seen, and how likely it was.
    TopicError, BrokerUnreachableError
        The topics cannot be read.
    """
    return estimates_of(read_decisions(settings), pictures_of(_catalog(settings)), alpha=alpha)


def estimates_of(log: Decisions, pictures: Mapping[str, Sequence[str]], *, alpha: float) -> Estimates:
    """Estimate from decisions that were read; see :func:`estimate`."""
    try:
        logs = policy_logs(log.made, pictures)
    except ValueError as error:
        why = f"{log.untold} impressions name a picture without its propensity" if log.untold else ""
        advice = "tell `artwork` and `artwork_propensity` in impressions (schemas/README.md)"
        raise ExperimentError(str(error), why=why, next_step=advice) from None
    policies = {name: evaluate(one, alpha=alpha) for name, one in logs.items()}
    return Estimates(len(log.made), sum(one.won for one in log.made), log.untold, policies)


def _catalog(settings: Settings) -> list[Title]:
    """Read the titles of the catalog."""
    newest = {message.key(): message.value() for message in read_all(settings, topics.CATALOG)}
    out = []
    for value in newest.values():
        try:
            if value is not None:
                out.append(decode_title(value))
        except DecodeError:  # refused by every reader
            continue
    return out
