"""What can go wrong in the core, and whose fault it was.

::

    ModelError
    ├── InvalidConfigError    the operator's: a hyper-parameter out of bounds; correct the setting it names
    ├── ConfigMismatchError   the operator's: rows of another configuration; rebuild, or restore the setting
    ├── CapacityError         the caller's: more titles than a model can hold; choose another model
    ├── UnknownRankerError    the caller's: no ranker of that name; the message says what was expected
    ├── NoSnapshotError       the caller's: a guest's state has no form to store; keep the whole model pickled
    ├── RowVersionError       the operator's: a row of a newer version; start the program that wrote it
    └── NonFiniteRowError     ours: learning made a NaN or an infinity; nothing is written, the worker stops
"""

__all__ = [
    "CapacityError",
    "ConfigMismatchError",
    "InvalidConfigError",
    "ModelError",
    "NoSnapshotError",
    "NonFiniteRowError",
    "RowVersionError",
    "UnknownRankerError",
]


class ModelError(Exception):
    """Root of every error of the core."""


class InvalidConfigError(ModelError, ValueError):
    """A hyper-parameter is out of its bounds: correct the setting that the message names."""


class ConfigMismatchError(ModelError):
    """Stored rows belong to another configuration: rebuild the state, or restore the former setting."""


class RowVersionError(ModelError):
    """A stored row has a version that this program does not know: start the one that wrote it."""


class NonFiniteRowError(ModelError):
    """Learning produced a number that is not finite: nothing of the batch was written; report it."""


class CapacityError(ModelError):
    """A model was given more titles than it can hold: choose another model for this stream."""


class UnknownRankerError(ModelError, ValueError):
    """No ranker of that name can be built: give the name of a class; the message says what was found."""


class NoSnapshotError(ModelError):
    """The model has guests, River rankers, whose state has no form to store: keep the whole model pickled."""
