"""Checks that the topics of the stages exist, match each other, and do not change.

The state of a partition belongs to the keys of that partition, and its position to the offsets of one topic.
So these conditions are checked, before anything is read and then every `PAUSE_S` seconds:

* Source and changelog have the same number of partitions, and the number has not changed since the start.
* The source is still the same topic: one that is deleted and created again has another id.
* The further topics of the worker (outputs, tables) are still the same ones, with as many partitions: a key
  of an output that has grown is in another partition than its earlier records, and a reader of a table that
  has grown, or was created again, misses records.
* The changelog was built for this number and this topic. Its newest applied records contain both, so a
  restart after a change is refused, too, even if all numbers match again.

A difference ends the worker, with an error that says what to do. A cluster that does not answer does not.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from threading import Event

import structlog

from streams.config.settings import Settings
from streams.engine.applied import BEING_WRITTEN, Origin, newest_applied, origin_of
from streams.engine.changelog import RESTORER, ends
from streams.engine.repeat import repeat
from streams.engine.stage import StageSpec
from streams.engine.store_identity import StoreIdentity
from streams.errors import (
    AccessError,
    BrokerUnreachableError,
    PartitionsChangedError,
    SourceRecreatedError,
    StreamError,
    TopicError,
)
from streams.kafka import clients as kafka_clients
from streams.kafka.clients import Admin, KafkaException, unreachable
from streams.kafka.topics import NO_ID, TopicInfo, delete_retention_s, describe_topics

__all__ = ["TopicCheck"]

_LOG = structlog.get_logger(__name__)

OUTAGE_S = 60.0
"""Seconds that the opening of a partition waits for an unreachable cluster: as long as its fencing does."""

PAUSE_S = 15.0
"""Seconds between two checks while the worker runs: a change is noticed within half a minute."""

MISSES = 2
"""Consecutive checks at which a topic has to be missing: a broker that has just started may not list all."""

START_ANEW = (
    "give the topics another NEARLINE_TOPIC_PREFIX and the workers another NEARLINE_GROUP, run"
    " `nearline topics apply`, and rebuild from the event log with `nearline replay --from-topic`"
)
"""Next step that works after every change."""


class TopicCheck:
    """Checks the topics of the stages of a worker, in a thread.

    Parameters
    ----------
    settings
        Brokers.
    specs
        The stages.
    die
        Ends the process if something differs while the worker runs.
    others
        Further topics that the worker reads or writes; names on the cluster.
    """

    def __init__(
        self,
        settings: Settings,
        specs: Iterable[StageSpec],
        die: Callable[[BaseException], None],
        *,
        others: Iterable[str] = (),
    ) -> None:
        self._settings, self._specs, self._die = settings, list(specs), die
        own = {name for spec in self._specs for name in (spec.source, spec.changelog, spec.dead_letters)}
        self._others = sorted({*others} - own)
        self._client: Admin | None = None
        self._known: dict[str, TopicInfo] = {}
        self._retention_s: dict[str, float] = {}
        self._missed = 0
        self._stop = Event()

    def start(self) -> None:
        """Check everything once, then repeatedly in a thread.

        Raises
        ------
        BrokerUnreachableError
            No broker answers.
        TopicError
            A topic is missing, a changelog is being written by `nearline topics split`, or it has another
            number of partitions than its source.
        PartitionsChangedError
            A changelog was built for another number of partitions or shards.
        SourceRecreatedError
            A changelog was built from another topic of the same name.
        """
        self._client = kafka_clients.admin(self._settings)
        self._known = self._examine()
        for spec in self._specs:
            self._check_built(spec)
            self._retention_s[spec.changelog] = delete_retention_s(
                self._settings, spec.changelog, self._client
            )
        repeat(self.check, PAUSE_S, until=self._stop, die=self._die, name="topics")

    def stop(self) -> None:
        """Stop the thread."""
        self._stop.set()

    def origin(self, spec: StageSpec) -> Origin:
        """Return what the state of a stage is built from, after another check of its topics.

        Raises
        ------
        StreamError
            As :meth:`start` does.
        """
        deadline = time.monotonic() + OUTAGE_S
        while True:
            try:
                self._examine([spec])
            except (
                BrokerUnreachableError,
                AccessError,
            ):  # a broker that is starting does not know its users yet
                if time.monotonic() > deadline:
                    raise
            else:
                return self._origin(spec)

    def identity(self, spec: StageSpec, partition: int) -> StoreIdentity:
        """Return what the database of a partition belongs to; its topics were described at the start."""
        changelog = self._known[spec.changelog]
        return StoreIdentity(
            cluster=changelog.cluster,
            changelog=spec.changelog,
            topic_id=changelog.topic_id.hex(),
            group=self._settings.consumer_group,
            stage=spec.name,
            partition=partition,
            layout=spec.layout,
        )

    def delete_retention_s(self, changelog: str) -> float:
        """Return for how many seconds a changelog keeps tombstones; read at the start."""
        return self._retention_s[changelog]

    def check(self) -> None:
        """Check all topics once, and end the process if one has changed."""
        try:
            self._examine()
            self._missed = 0
        except BrokerUnreachableError:  # `streams.engine.broker_watch` reports it
            pass
        except AccessError as error:
            _LOG.info("topics_not_checked", why=error.why)
        except TopicError as error:
            self._missed += 1
            _LOG.warning("topic_missed", what=error.what)
            if self._missed >= MISSES:
                self._die(error)
        except StreamError as error:
            self._die(error)

    def _examine(self, specs: Iterable[StageSpec] = ()) -> dict[str, TopicInfo]:
        """Compare the topics of some stages (default: all) with each other and with those at the start."""
        examined, others = [*specs] or self._specs, [] if specs else self._others
        names = {name for spec in examined for name in (spec.source, spec.changelog, spec.dead_letters)}
        found = describe_topics(self._settings, names.union(others), self._client)
        for spec in examined:
            for name in (spec.source, spec.changelog, spec.dead_letters):
                if name not in found:
                    what = f"topic {name} of stage {spec.name} does not exist"
                    why = "it was not created, was deleted, or this user has no right to see it"
                    advice = "run `nearline topics apply`, or check the ACLs"
                    raise TopicError(what, why=why, next_step=advice)
            for name in (spec.source, spec.changelog):
                _compare(spec, name, self._known.get(name), found[name])
            _check_pair(spec, found)
        for name in others:
            _compare_other(name, self._known.get(name), found.get(name))
        return found

    def _origin(self, spec: StageSpec) -> Origin:
        source = self._known[spec.source]
        return Origin(spec.shards or source.partitions, source.topic_id)

    def _check_built(self, spec: StageSpec) -> None:
        """Compare the origin of a changelog with the topics of the cluster."""
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
            if before.parts == BEING_WRITTEN:
                raise _being_written(spec)
            if before.parts not in {0, now.parts}:
                raise _partitions_changed(spec, before.parts, now.parts)
            if NO_ID not in {before.topic_id, now.topic_id} and before.topic_id != now.topic_id:
                raise _recreated(spec, spec.source)


def _compare(spec: StageSpec, name: str, before: TopicInfo | None, now: TopicInfo) -> None:
    """Raise if a topic has changed since the worker started."""
    if before is None:
        return
    if before.topic_id != now.topic_id:
        raise _recreated(spec, name)
    if before.partitions != now.partitions:
        raise _partitions_changed(spec, before.partitions, now.partitions, name)


def _compare_other(name: str, before: TopicInfo | None, now: TopicInfo | None) -> None:
    """Raise if a further topic is missing, or has changed since the worker started."""
    if now is None:
        what = f"topic {name} does not exist"
        why = "it was deleted, or this user has no right to see it"
        raise TopicError(what, why=why, next_step="run `nearline topics apply`, or check the ACLs")
    advice = "start the workers again: they check the topics, and read the new ones"
    if before is not None and before.topic_id != now.topic_id:
        what = f"{name} is not the topic that this worker started with"
        raise TopicError(what, why="it was deleted and created again", next_step=advice)
    if before is not None and before.partitions != now.partitions:
        what = f"{name} has {now.partitions} partitions, this worker started with {before.partitions}"
        raise TopicError(what, why="keys are in other partitions now", next_step=advice)


def _check_pair(spec: StageSpec, found: Mapping[str, TopicInfo]) -> None:
    """Raise if a source and its changelog have different numbers of partitions."""
    source, log = found[spec.source].partitions, found[spec.changelog].partitions
    if source != log:
        what = f"{spec.changelog} has {log} partitions, {spec.source} has {source}"
        why = "state and events of a key would be in partitions of different numbers"
        raise PartitionsChangedError(what, why=why, next_step=f"Kafka cannot remove partitions: {START_ANEW}")


def _partitions_changed(spec: StageSpec, before: int, now: int, topic: str = "") -> PartitionsChangedError:
    """Return the error that keys and their state are in different partitions now."""
    if spec.shards and not topic:
        what = f"the state of stage {spec.name} was built for {before} shards, NEARLINE_TITLE_SHARDS is {now}"
        advice = f"set it to {before} again; to have {now}, {START_ANEW}"
    else:
        name = topic or spec.source
        what = f"{name} has {now} partitions, the state of stage {spec.name} was built for {before}"
        advice = (
            f"create the topics again with {before} partitions and no events, or, to have {now}: {START_ANEW}"
        )
    why = "keys would be in other partitions than their state"
    return PartitionsChangedError(what, why=why, next_step=advice)


def _being_written(spec: StageSpec) -> TopicError:
    """Return the error that a changelog is not complete yet."""
    what = f"{spec.changelog} is being written by `nearline topics split`"
    why = "the command has not ended, or was ended before it was done"
    return TopicError(what, why=why, next_step="wait for it, or repeat it; then start the workers")


def _recreated(spec: StageSpec, topic: str) -> SourceRecreatedError:
    """Return the error that the offsets of the state belong to an earlier topic of the same name."""
    what = f"{topic} is not the topic that the state of stage {spec.name} was built from"
    why = "it was deleted and created again: it has another id and new offsets"
    return SourceRecreatedError(what, why=why, next_step=f"stop all workers; {START_ANEW}")
