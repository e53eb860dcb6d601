"""Log lines: structured, one a line, JSON off a terminal, and never with a viewer's own values in them.

Our modules call ``structlog.get_logger()``; Faust, aiokafka and librdkafka use the standard library's
logging, which is sent through the same chain, so that a log collector sees one format. Tracebacks are
Python's plain ones: a frame's variables, which structlog would print on a terminal, are what viewers did.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

WITHHELD = frozenset({"viewer_id", "viewer", "profile_id", "session_id", "query", "key", "value", "payload"})
"""Fields that can hold what a viewer did or who he is."""

CHATTY = ("faust", "aiokafka", "mode", "asyncio")
"""Foreign loggers that say only warnings and worse, unless the level is debug."""


def configure(level: str = "info", form: str = "auto", *, stream: TextIO | None = None) -> None:
    """Set up logging for the process; call it once, first.

    Parameters
    ----------
    level
        debug, info, warning or error.
    form
        json, console, or auto: console when `stream` is a terminal.
    stream
        Where lines go; standard error when None, because standard output belongs to results.
    """
    out = stream or sys.stderr
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        withhold,
    ]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=_last_steps(form, out))
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in CHATTY:
        logging.getLogger(name).setLevel(root.level if level == "debug" else max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *chain,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def withhold(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every field that could be a viewer's.

    Examples
    --------
    >>> withhold(None, "info", {"event": "rejected", "viewer_id": "v-7", "offset": 12})
    {'event': 'rejected', 'viewer_id': '[withheld]', 'offset': 12}
    """
    for name in WITHHELD & line.keys():
        line[name] = "[withheld]"
    return line


def _last_steps(form: str, stream: TextIO) -> list[Processor]:
    """Return the steps that turn a line into text."""
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if form == "console" or (form == "auto" and stream.isatty()):
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        return [drop_meta, renderer]
    return [drop_meta, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
