"""What can go wrong in the core, and whose fault it was.

::

    ModelError
    ├── InvalidConfigError    the operator's: a hyper-parameter out of bounds; correct the setting it names
    ├── ConfigMismatchError   the operator's: rows of another configuration; rebuild, or restore the setting
    ├── RowVersionError       the operator's: a row of a newer version; start the program that wrote it
    └── NonFiniteRowError     ours: learning made a NaN or an infinity; nothing is written, the worker stops
"""

__all__ = ["ConfigMismatchError", "InvalidConfigError", "ModelError", "NonFiniteRowError", "RowVersionError"]


class ModelError(Exception):
    """Root of every error of the core."""


class InvalidConfigError(ModelError, ValueError):
    """A hyper-parameter is out of its bounds. The message names it: correct the setting."""


class ConfigMismatchError(ModelError):
    """Stored rows belong to another configuration. Rebuild the state, or restore the former setting."""


class RowVersionError(ModelError):
    """A stored row has a version that this program does not know. Start the one that wrote it."""


class NonFiniteRowError(ModelError):
    """Learning produced a number that is not finite. Nothing of the batch was written."""
