"""Errors of this package: what happened, who can fix it, and the next step.

::

    StreamError                     root: never raised itself
    ├── SettingsError               user: a variable or an option is wrong (exit 2)
    ├── RatingsError                user: a file of ratings cannot be read (exit 2)
    ├── ImportFileError             user: a file of titles or history cannot be imported (exit 2)
    ├── ImportOrderError            user: the event log is ahead of the history that is imported
    ├── ExportError                 user: the folder cannot take the export (exit 2)
    ├── BrokerError                 broker
    │   ├── BrokerUnreachableError  no broker answers at the address (exit 3)
    │   ├── AccessError             user: the broker refuses the user or its certificate (exit 2)
    │   ├── SchemaRegistryError     the schema registry of events in Avro does not answer (exit 3)
    │   ├── BrokerStartError        the local Kafka did not start: see its log
    │   ├── JavaMissingError        machine: install Java 17 or newer
    │   ├── MavenMissingError       machine: install Maven
    │   └── JarsError               network: Maven could not fetch the broker's jars
    ├── TopicError                  the cluster refused to create or describe a topic
    ├── DeliveryError               broker: a record was not acknowledged (exit 3)
    ├── StateError                  the local state cannot be used
    │   ├── StateLockedError        user: another process uses the same folder
    │   ├── DiskFullError           disk: there is no space for a new folder
    │   ├── StateVersionError       user: a newer version wrote the rows
    │   └── StateDamagedError       disk: the database is wiped and rebuilt from its changelog (exit 4)
    ├── RequestRefusedError         user: the server refuses a request of `streams.client`
    ├── ServerUnavailableError      server: no answer to a request of `streams.client` (exit 3)
    ├── UnknownIdError              user: no state of a viewer, title or topic with this id
    ├── NoPageError                 user: the viewer has no page yet
    ├── ExperimentError             user: the experiment is not in the required state
    ├── InsightError                user: the insight is not available or not disclosable
    ├── RuleError                   user: the business rule is invalid or does not exist
    ├── VersionError                user: the model version is not in the required state
    ├── ModelChangedError           user: the model configuration differs from the learned one (exit 2)
    ├── SourceRecreatedError        user: a topic was deleted and created again under its state
    ├── PartitionsChangedError      user: a topic has another number of partitions than its state
    ├── SourceGapError              the position was deleted by retention: restart (exit 4)
    ├── OutcomeInDoubtError         the outcome of a transaction is unknown: restart (exit 4)
    ├── StepFailedError             bug, or a message too large: the restart isolates the record (exit 4)
    ├── InstanceFencedError         user: two workers have one group instance id (exit 4)
    ├── StuckError                  unknown: there was work and no progress; restart (exit 5)
    ├── WorkerDiedError             the worker of a command ended: see its log
    ├── ReplayStalledError          the worker stopped answering the events of a command: see its log
    ├── BackfillStalledError        the worker stopped applying events: see its log, repeat the replay
    └── AbandonedError              none: a partition was revoked during its restore

Every error says *what* happened, *why* as far as it is known, and the *next step*. The command line prints
all three and exits with the exit code of the class (see :mod:`streams.cli.console`).
"""

from typing import ClassVar


class StreamError(Exception):
    """Root of all errors that this package raises on purpose.

    Parameters
    ----------
    what
        One sentence: what happened.
    why
        One sentence: the cause, if it is known.
    next_step
        One sentence: what the user does now.

    Examples
    --------
    >>> error = StreamError("no broker", why="the port is closed", next_step="start one")
    >>> str(error), error.exit_code
    ('no broker: the port is closed (start one)', 1)
    """

    exit_code: ClassVar[int] = 1
    """Process exit code of a command that ends with this error."""

    def __init__(self, what: str, *, why: str = "", next_step: str = "") -> None:
        self.what = what
        self.why = why
        self.next_step = next_step
        text = f"{what}: {why}" if why else what
        super().__init__(f"{text} ({next_step})" if next_step else text)


class SettingsError(StreamError):
    """A setting or an option is wrong: correct it."""

    exit_code = 2


class BrokerError(StreamError):
    """The broker, or what it needs to run, is missing or fails."""


class BrokerUnreachableError(BrokerError):
    """No Kafka broker answers at the address: start it, or give the right address."""

    exit_code = 3


class AccessError(BrokerError):
    """The broker refuses the user, password, right or certificate: correct the one that the reason names."""

    exit_code = 2


class SchemaRegistryError(BrokerError):
    """The schema registry of events in Avro does not answer: check it; the worker ends and starts again.

    No event is lost or becomes a dead letter by it.
    """

    exit_code = 3


class BrokerStartError(BrokerError):
    """The local Kafka was started but did not answer in time: read its log."""


class JavaMissingError(BrokerError):
    """There is no Java of version 17 or newer on PATH: install one."""


class MavenMissingError(BrokerError):
    """There is no `mvn` on PATH, and the broker's jars are not in the cache: install Maven."""


class JarsError(BrokerError):
    """Maven could not fetch the broker's jars: check the network, the proxy and Maven's settings."""


class TopicError(StreamError):
    """The cluster refused to create or describe a topic: correct what the reason names."""


class DeliveryError(StreamError):
    """The broker did not acknowledge a record: check the broker, then repeat."""

    exit_code = 3


class StateError(StreamError):
    """The local state cannot be used: check the folder, its owner and the free space of the disk."""


class StateLockedError(StateError):
    """Another process uses the same state folder: give each worker its own (NEARLINE_STATE_DIR)."""


class DiskFullError(StateError):
    """The disk has no space for a new state folder: free some; a worker waits for it and starts by itself."""


class StateVersionError(StateError):
    """A newer version of nearline wrote the rows: start that version; nothing was changed."""


class StateDamagedError(StateError):
    """A database is corrupt: the worker wipes it and rebuilds it from its changelog; check the disk."""

    exit_code = 4


class VersionError(StreamError):
    """The action on a model version is not possible now: see `nearline model list`; nothing was changed."""


class ExperimentError(StreamError):
    """The action on an experiment is not possible in its state: nothing was changed."""


class InsightError(StreamError):
    """The insight is not available: it has fewer than 20 viewers, or no insights worker runs."""


class RuleError(StreamError):
    """The action on a business rule is not possible: correct what the reason names; nothing was changed."""


class ModelChangedError(StreamError):
    """The model configuration differs from the one that the version learned with: register a new version."""

    exit_code = 2


class SourceRecreatedError(StreamError):
    """The source topic lost its end or was created again under its state: restore it, or start anew.

    No record is skipped silently. Either restore the topic, or start anew: stop all workers, choose a new
    group (NEARLINE_GROUP) and a new changelog, and start.
    """


class PartitionsChangedError(StreamError):
    """A topic has another number of partitions than its state: create it again, or start anew.

    Nothing is read, because keys and their state are in different partitions. Kafka cannot remove partitions.
    """


class SourceGapError(StreamError):
    """Retention deleted records of a running worker before they were read: restart, the gap is counted."""

    exit_code = 4


class OutcomeInDoubtError(StreamError):
    """A transaction may or may not be committed: the process ends, the next one reads the log."""

    exit_code = 4


class StepFailedError(StreamError):
    """A step raised (a bug), or a message is too large: the process ends, the next isolates the record."""

    exit_code = 4


class InstanceFencedError(StreamError):
    """Another worker joined with the same group instance id: give each worker its own."""

    exit_code = 4


class StuckError(StreamError):
    """There was work and no progress for too long: start the worker again, report it if it happens again."""

    exit_code = 5


class AbandonedError(StreamError):
    """A partition was revoked during its restore: nothing to do."""


class RatingsError(StreamError):
    """A file of ratings cannot be read: give another file, or correct the line that the reason names."""

    exit_code = 2


class ImportFileError(StreamError):
    """A file cannot be imported: correct the file or its mapping, as the reason says."""

    exit_code = 2


class ImportOrderError(StreamError):
    """The event log has newer events than the history: import before producers start, or with --late."""


class ExportError(StreamError):
    """A folder cannot take this export: give another folder, as the reason says."""

    exit_code = 2


class RequestRefusedError(StreamError):
    """The HTTP server refuses a request of the client: correct it as the reason says, or give another key.

    Attributes
    ----------
    status
        Of the answer.
    """

    def __init__(self, what: str, *, why: str = "", next_step: str = "", status: int = 400) -> None:
        super().__init__(what, why=why, next_step=next_step)
        self.status = status


class ServerUnavailableError(StreamError):
    """The HTTP server did not answer a request of the client in several attempts: repeat it later."""

    exit_code = 3


class UnknownIdError(StreamError):
    """There is no state for this id: check its spelling, and whether its events arrive."""


class NoPageError(StreamError):
    """The viewer has no page: check the spelling of the id, and whether their events arrive."""


class WorkerDiedError(StreamError):
    """The worker of a command ended: see its log."""


class ReplayStalledError(StreamError):
    """The worker stopped answering the events of a command: see its log."""


class BackfillStalledError(StreamError):
    """The worker stopped applying events: see its log, then start the replay again."""
