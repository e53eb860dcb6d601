"""Errors of the models, by who has to act.

::

    ModelError
    ├── InvalidConfigError    operator: a hyper-parameter is out of bounds; correct the setting it names
    ├── ConfigMismatchError   operator: rows of another configuration; rebuild, or restore the setting
    ├── RowVersionError       operator: a row of a newer version; start the program that wrote it
    ├── CapacityError         caller: more titles than a model can hold; choose another model
    ├── UnknownRankerError    caller: no ranker of that name; the message says what was expected
    ├── NoSnapshotError       caller: an external ranker cannot be stored as a snapshot; pickle the model
    └── NonFiniteRowError     maintainers: learning made a NaN or an infinity; nothing is written; report it
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
    """Base class of all errors of the models."""


class InvalidConfigError(ModelError, ValueError):
    """A hyper-parameter is out of bounds: correct the setting that the message names."""


class ConfigMismatchError(ModelError):
    """Stored rows belong to another configuration: rebuild the state, or restore the former setting."""


class RowVersionError(ModelError):
    """A stored row has a newer version than this program knows: start the program that wrote it."""


class NonFiniteRowError(ModelError):
    """Learning produced a number that is not finite, nothing of the batch was written: report it as a bug."""


class CapacityError(ModelError):
    """A model got more titles than it can hold: choose another model for this stream."""


class UnknownRankerError(ModelError, ValueError):
    """No ranker of that name can be built: give the name of a class; the message says what was found."""


class NoSnapshotError(ModelError):
    """The model has external rankers, whose state has no snapshot: pickle the whole model instead."""
