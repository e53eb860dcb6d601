"""Whether the topics of a worker's stages are there, fit together, and stay what they were.

The state of a partition belongs to the keys that are in it, and its position to the offsets of one topic. So
three things are asked of the cluster, before anything is read and every `PAUSE_S` seconds while it is read:

* the source and its changelog have the same number of partitions, and still as many as at the start;
* the source is still the topic that it was: one that is deleted and created again has another id;
* the changelog was built for that number and that topic: its newest applied records remember it, so a restart
  after a change is refused too, even when all numbers agree again.

Whatever differs ends the worker, with what to do about it. A cluster that does not answer ends nothing.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Event, Thread

import structlog

from streams.config.settings import Settings
from streams.engine.applied import Origin, newest_applied, origin_of
from streams.engine.changelog import RESTORER, ends
from streams.engine.stage import StageSpec
from streams.errors import (
    AccessError,
    BrokerUnreachableError,
    PartitionsChangedError,
    SourceRecreatedError,
    StreamError,
    TopicError,
)
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import AdminClient, KafkaException, unreachable
from streams.kafka.topics import NO_ID, TopicInfo, delete_retention_s, describe_topics

__all__ = ["TopicCheck"]

_LOG = structlog.get_logger(__name__)

OUTAGE_S = 60.0
"""Longest outage of the cluster that the opening of a partition waits out; as long as its fencing does."""

PAUSE_S = 15.0
"""Seconds between two looks while the worker runs: what changed is noticed within half a minute."""

MISSES = 2
"""Looks in a row at which a topic has to be missing: a broker that has just started may not know all."""

ANEW = (
    "give the topics another NEARLINE_TOPIC_PREFIX and the workers another NEARLINE_GROUP, run"
    " `nearline topics apply`, and rebuild from the event log with `nearline replay --from-topic`"
)
"""What always helps."""


class TopicCheck:
    """Watches the topics of a worker's stages; a part of the worker.

    Parameters
    ----------
    settings
        Where the cluster is.
    specs
        The stages.
    die
        Ends the process when something differs while the worker runs.
    """

    def __init__(
        self, settings: Settings, specs: Iterable[StageSpec], die: Callable[[BaseException], None]
    ) -> None:
        self._settings, self._specs, self._die = settings, list(specs), die
        self._client: AdminClient | None = None
        self._known: dict[str, TopicInfo] = {}
        self._retention_s: dict[str, float] = {}
        self._missed = 0
        self._stop = Event()

    def start(self) -> None:
        """Check everything once, then go on watching in a thread.

        Raises
        ------
        BrokerUnreachableError
            Nothing answers.
        TopicError
            A topic is missing, or a changelog has another number of partitions than its source.
        PartitionsChangedError
            A changelog was built for another number of partitions or shards.
        SourceRecreatedError
            A changelog was built from another topic of the same name.
        """
        self._client = kafka_clients.admin(self._settings)
        self._known = self._look()
        for spec in self._specs:
            self._check_built(spec)
            self._retention_s[spec.changelog] = delete_retention_s(
                self._settings, spec.changelog, self._client
            )
        Thread(target=self._watch, name="topics", daemon=True).start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()

    def origin(self, spec: StageSpec) -> Origin:
        """Return what a stage's state is built from, after another look at its topics.

        Raises
        ------
        StreamError
            As :meth:`start` does.
        """
        deadline = time.monotonic() + OUTAGE_S
        while True:
            try:
                self._look([spec])
            except (BrokerUnreachableError, AccessError):  # a broker that starts does not know its users yet
                if time.monotonic() > deadline:
                    raise
            else:
                return self._origin(spec)

    def delete_retention_s(self, changelog: str) -> float:
        """Return how long a changelog keeps tombstones, in seconds, as it was at the start."""
        return self._retention_s[changelog]

    def look(self) -> None:
        """Look at all topics once, and end the process if one is not what it was."""
        try:
            self._look()
            self._missed = 0
        except (BrokerUnreachableError, AccessError) as error:
            _LOG.info("topics_not_checked", why=error.why)
        except TopicError as error:
            self._missed += 1
            _LOG.warning("topic_missed", what=error.what)
            if self._missed >= MISSES:
                self._die(error)
        except StreamError as error:
            self._die(error)

    def _watch(self) -> None:
        """Look again and again."""
        while not self._stop.wait(PAUSE_S):
            self.look()

    def _look(self, specs: Iterable[StageSpec] = ()) -> dict[str, TopicInfo]:
        """Ask for the topics of stages (default: all), compare them with each other and with before."""
        looked_at = [*specs] or self._specs
        names = {name for spec in looked_at for name in (spec.source, spec.changelog, spec.dead_letters)}
        found = describe_topics(self._settings, names, self._client)
        for spec in looked_at:
            for name in (spec.source, spec.changelog, spec.dead_letters):
                if name not in found:
                    what = f"topic {name} of stage {spec.name} does not exist"
                    why = "nobody created it, it was deleted, or this user may not see it"
                    advice = "run `nearline topics apply`, or look at the ACLs"
                    raise TopicError(what, why=why, next_step=advice)
            for name in (spec.source, spec.changelog):
                _compare(spec, name, self._known.get(name), found[name])
            _check_pair(spec, found)
        return found

    def _origin(self, spec: StageSpec) -> Origin:
        source = self._known[spec.source]
        return Origin(spec.shards or source.partitions, source.topic_id)

    def _check_built(self, spec: StageSpec) -> None:
        """Compare what a changelog was built from with what there is."""
        consumer = kafka_clients.consumer(self._settings, RESTORER)
        try:
            partitions = range(self._known[spec.changelog].partitions)
            spans = {p: ends(consumer, spec.changelog, p) for p in partitions}
            built = newest_applied(consumer, spec.changelog, spans)
        except KafkaException as error:
            raise unreachable(self._settings, error) from None
        finally:
            consumer.close()
        now = self._origin(spec)
        for before in map(origin_of, built.values()):
            if before.parts not in {0, now.parts}:
                raise _moved(spec, before.parts, now.parts)
            if NO_ID not in {before.topic_id, now.topic_id} and before.topic_id != now.topic_id:
                raise _another(spec, spec.source)


def _compare(spec: StageSpec, name: str, before: TopicInfo | None, now: TopicInfo) -> None:
    """Make sure that a topic is what it was when the worker started."""
    if before is None:
        return
    if before.topic_id != now.topic_id:
        raise _another(spec, name)
    if before.partitions != now.partitions:
        raise _moved(spec, before.partitions, now.partitions, name)


def _check_pair(spec: StageSpec, found: Mapping[str, TopicInfo]) -> None:
    """Make sure that a source and its changelog have the same number of partitions."""
    source, log = found[spec.source].partitions, found[spec.changelog].partitions
    if source != log:
        what = f"{spec.changelog} has {log} partitions, {spec.source} has {source}"
        why = "state and events of a key would be in partitions of different numbers"
        raise PartitionsChangedError(what, why=why, next_step=f"Kafka takes no partitions away: {ANEW}")


def _moved(spec: StageSpec, before: int, now: int, topic: str = "") -> PartitionsChangedError:
    """Explain that keys are no longer where their state is."""
    if spec.shards and not topic:
        what = f"the state of stage {spec.name} was built for {before} shards, NEARLINE_TITLE_SHARDS is {now}"
        advice = f"set it to {before} again; to have {now}, {ANEW}"
    else:
        name = topic or spec.source
        what = f"{name} has {now} partitions, the state of stage {spec.name} was built for {before}"
        advice = f"create the topics again with {before} partitions and no events, or, to have {now}: {ANEW}"
    why = "keys would be in other partitions than their state"
    return PartitionsChangedError(what, why=why, next_step=advice)


def _another(spec: StageSpec, topic: str) -> SourceRecreatedError:
    """Explain that offsets of one topic say nothing about another of the same name."""
    what = f"{topic} is not the topic that the state of stage {spec.name} was built from"
    why = "it was deleted and created again: its id is another, its offsets began anew"
    return SourceRecreatedError(what, why=why, next_step=f"stop all workers; {ANEW}")
