"""What can go wrong while moving things, whose fault it was, and what the operator does.

::

    StreamError                     root: never raised itself
    ├── SettingsError               yours: a variable or an option is wrong; correct it (exit 2)
    ├── BrokerError                 the broker's side
    │   ├── BrokerUnreachableError  nothing answers at that address: start it, or give the right one (exit 3)
    │   ├── BrokerStartError        our local Kafka did not come up: its log says why
    │   ├── JavaMissingError        the machine's: install Java 17 or newer
    │   ├── MavenMissingError       the machine's: install Maven
    │   └── JarsError               the network's: Maven could not fetch the broker's jars
    ├── TopicError                  the cluster refused to create or describe a topic
    └── DeliveryError               the broker's side: an answer promised to a client did not come (exit 3)

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


class BrokerStartError(BrokerError):
    """Our local Kafka was started but did not answer in time: read its log."""


class JavaMissingError(BrokerError):
    """There is no Java of version 17 or newer on PATH: install one."""


class MavenMissingError(BrokerError):
    """There is no `mvn` on PATH, and the broker's jars are not in the cache: install Maven."""


class JarsError(BrokerError):
    """Maven could not fetch the broker's jars: look at the network, the proxy and Maven's settings."""


class TopicError(StreamError):
    """The cluster refused to create or describe a topic."""


class DeliveryError(StreamError):
    """A promised answer of the broker did not come: look at the broker, then repeat."""

    exit_code = 3
