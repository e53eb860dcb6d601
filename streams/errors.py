"""What can go wrong while moving things, whose fault it was, and what the operator does.

::

    StreamError                     root: never raised itself
    ├── SettingsError               yours: a variable or an option is wrong; correct it (exit 2)
    ├── BrokerError                 the broker's side
    │   ├── BrokerUnreachableError  nothing answers at that address: start it, or give the right one (exit 3)
    │   ├── AccessError             yours: the broker refuses this user or its certificate (exit 2)
    │   ├── BrokerStartError        our local Kafka did not come up: its log says why
    │   ├── JavaMissingError        the machine's: install Java 17 or newer
    │   ├── MavenMissingError       the machine's: install Maven
    │   └── JarsError               the network's: Maven could not fetch the broker's jars
    ├── TopicError                  the cluster refused to create or describe a topic
    ├── DeliveryError               the broker's side: an answer promised to a client did not come (exit 3)
    ├── StateError                  local state cannot be used as it is
    │   ├── StateLockedError        yours: another process works on the same folder
    │   ├── StateVersionError       yours: a newer version wrote the rows; start that version
    │   └── StateDamagedError       the disk's: the database is wiped and rebuilt from its changelog
    ├── ExperimentError             yours: an experiment is not in the state that was asked for
    ├── InsightError                yours: nothing may be told of what was asked for
    ├── RuleError                   yours: a business rule means nothing as it is, or there is none
    ├── VersionError                yours: a version of the model is not in the state that was asked for
    ├── ModelChangedError           yours: another model configuration than what was learned (exit 2)
    ├── SourceRecreatedError        yours: a topic was deleted and created again beneath its state
    ├── PartitionsChangedError      yours: a topic has other partitions than its state was built for
    ├── SourceGapError              the position fell off the log while we ran: restart (exit 4)
    ├── OutcomeInDoubtError         nobody's: a transaction's outcome is unknown; restart (exit 4)
    ├── StepFailedError             ours: a step raised; restart isolates the record it raised on (exit 4)
    ├── InstanceFencedError         yours: two workers have one group instance id (exit 4)
    ├── StuckError                  unknown: there was work and nothing moved; restart (exit 5)
    └── AbandonedError              nobody's: a partition was taken away while it was being restored

Every error says *what* happened, *why* as far as it is known, and the *next step*; the command line prints
the three and leaves with the class's exit code (see :mod:`streams.cli.console`).
"""

from typing import ClassVar


class StreamError(Exception):
    """Root of everything that this package raises on purpose.

    Parameters
    ----------
    what
        One sentence: what happened.
    why
        One sentence: the cause, as far as it is known.
    next_step
        One sentence: what the reader does now.

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
    """A setting or an option is wrong: the one who started the process corrects it."""

    exit_code = 2


class BrokerError(StreamError):
    """The broker, or what it needs to run, is missing or unwell."""


class BrokerUnreachableError(BrokerError):
    """Nothing that speaks Kafka answers at the address: start the broker, or give the right address."""

    exit_code = 3


class AccessError(BrokerError):
    """The broker refuses this user, password, right or certificate: the reason says which; correct it."""

    exit_code = 2


class BrokerStartError(BrokerError):
    """Our local Kafka was started but did not answer in time: read its log."""


class JavaMissingError(BrokerError):
    """There is no Java of version 17 or newer on PATH: install one."""


class MavenMissingError(BrokerError):
    """There is no `mvn` on PATH, and the broker's jars are not in the cache: install Maven."""


class JarsError(BrokerError):
    """Maven could not fetch the broker's jars: look at the network, the proxy and Maven's settings."""


class TopicError(StreamError):
    """The cluster refused to create or describe a topic: the reason names what to correct."""


class DeliveryError(StreamError):
    """A promised answer of the broker did not come: look at the broker, then repeat."""

    exit_code = 3


class StateError(StreamError):
    """Local state cannot be used as it is: look at the folder, its owner and the disk's free space."""


class StateLockedError(StateError):
    """Another process works on the same state folder: give each worker its own (NEARLINE_STATE_DIR)."""


class StateVersionError(StateError):
    """A newer version of nearline wrote the rows: start that version; this one has changed nothing."""


class StateDamagedError(StateError):
    """A database is corrupt: the worker wipes it and rebuilds it from its changelog; look at the disk."""

    exit_code = 4


class VersionError(StreamError):
    """What was asked of a version is not possible now: look at `nearline model list`; nothing was changed."""


class ExperimentError(StreamError):
    """What was asked of an experiment is not possible as things stand: nothing was changed."""


class InsightError(StreamError):
    """Nothing may be told of what was asked for: fewer than 20 viewers, or no insights worker runs."""


class RuleError(StreamError):
    """What was asked of a business rule is not possible: correct what it names; nothing was changed."""


class ModelChangedError(StreamError):
    """The configuration is not the one that the version was learned under: make it a version of its own."""

    exit_code = 2


class SourceRecreatedError(StreamError):
    """State is ahead of its source topic, which lost its end or was made anew: bring it back, or begin anew.

    Nothing is skipped in silence. Either bring the topic back, or accept a new beginning: stop all workers,
    choose a new group (NEARLINE_GROUP) and a new changelog, and start.
    """


class PartitionsChangedError(StreamError):
    """A topic has other partitions than its state was built for: create it again, or begin anew beside it.

    Nothing is read, because keys are not where their state is. Kafka cannot take partitions away.
    """


class SourceGapError(StreamError):
    """Retention deleted records before they were read, while running: restart, the gap is counted."""

    exit_code = 4


class OutcomeInDoubtError(StreamError):
    """A transaction may or may not be committed: the process ends, its successor asks the log."""

    exit_code = 4


class StepFailedError(StreamError):
    """A step raised, which is our fault: the process ends, its successor isolates the record."""

    exit_code = 4


class InstanceFencedError(StreamError):
    """Another worker has taken this one's place in the group: give each a group instance id of its own."""

    exit_code = 4


class StuckError(StreamError):
    """There was work and nothing moved for too long: start the worker again, report it if it comes back."""

    exit_code = 5


class AbandonedError(StreamError):
    """A partition was taken away while it was being restored: nothing to do."""
