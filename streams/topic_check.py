"""Whether the topics of a worker's stages are there and fit together; asked once, before anything is read."""

from collections.abc import Iterable

from streams.errors import TopicError
from streams.kafka_clients import KafkaException, admin, unreachable
from streams.settings import Settings
from streams.stage import StageSpec

__all__ = ["check_topics"]

TIMEOUT_S = 10.0
"""Longest wait for the cluster's list of topics."""


def check_topics(settings: Settings, specs: Iterable[StageSpec]) -> None:
    """Make sure that every source, changelog and dead-letter topic exists, and that partitions match.

    A partition's state is in the changelog partition of the same number: with other numbers of partitions,
    state and events of a key would be on different workers.

    Raises
    ------
    BrokerUnreachableError
        Nothing answers.
    TopicError
        A topic is missing, or a changelog has another number of partitions than its source.
    """
    try:
        found = admin(settings).list_topics(timeout=TIMEOUT_S).topics
    except KafkaException as error:
        raise unreachable(settings, error) from None
    counts = {name: len(topic.partitions) for name, topic in found.items()}
    for spec in specs:
        for topic in (spec.source, spec.changelog, spec.dead_letters):
            if not counts.get(topic):
                what = f"topic {topic} of stage {spec.name} does not exist"
                why = "nobody created it, or this user may not see it"
                raise TopicError(what, why=why, next_step="run `nearline topics apply`, or look at the ACLs")
        if counts[spec.source] != counts[spec.changelog]:
            both = f"{counts[spec.changelog]} partitions, {spec.source} has {counts[spec.source]}"
            what = f"{spec.changelog} has {both}"
            why = "state and events of a key would be in partitions of different numbers"
            advice = "give both the same number in a new group; see the runbook on changing partitions"
            raise TopicError(what, why=why, next_step=advice)
