"""What can go wrong in the core, and whose fault it was.

::

    ModelError
    ├── InvalidConfigError      the operator's: a hyper-parameter out of bounds; correct the setting named in the message
    ├── ConfigMismatchError     the operator's: stored rows belong to another configuration; rebuild the state or restore the setting
    ├── RowVersionError    the operator's: a row written by a newer version; upgrade, or rebuild from the changelog
    └── NonFiniteRowError       ours: learning produced a NaN or an infinity; the batch is not written, the worker stops
"""

__all__ = ["ConfigMismatchError", "InvalidConfigError", "ModelError", "NonFiniteRowError", "RowVersionError"]


class ModelError(Exception):
    """Root of every error of the core."""


class InvalidConfigError(ModelError, ValueError):
    """A hyper-parameter is out of its bounds. The message names it: correct the setting."""


class ConfigMismatchError(ModelError):
    """Stored rows were written under another configuration. Rebuild the state, or restore the former setting."""


class RowVersionError(ModelError):
    """A stored row has a version that this program does not know. Upgrade it, or rebuild from the changelog."""


class NonFiniteRowError(ModelError):
    """Learning produced a number that is not finite. Nothing of the batch was written; restart replays it."""
