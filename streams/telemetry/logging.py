"""Structured logging: one event per line, JSON unless on a terminal, without personal data of viewers.

Our modules call ``structlog.get_logger()``. Faust, aiokafka and librdkafka use the standard library's
logging, which passes the same processors, so a log collector sees one format; how much they log is bounded
(:mod:`streams.telemetry.driver_logs`). Tracebacks are Python's plain
ones: the variables of frames, which structlog would print on a terminal, contain personal data.
"""

import logging
import sys
from collections.abc import MutableMapping
from functools import partial
from typing import Any, TextIO

import structlog
from structlog.typing import Processor

from streams.telemetry.driver_logs import driver_logs

WITHHELD = frozenset({"viewer_id", "viewer", "profile_id", "session_id", "query", "key", "value", "payload"})
"""Fields that can contain personal data of a viewer."""

CHATTY = ("faust", "aiokafka", "mode", "asyncio")
"""Loggers of libraries that log only warnings and worse, unless the level is debug."""


def configure(
    level: str = "info", form: str = "auto", *, stream: TextIO | None = None, process: int | None = None
) -> None:
    """Configure logging for the process; call it once, before anything else.

    Parameters
    ----------
    level
        debug, info, warning or error.
    form
        json, console, or auto: console if `stream` is a terminal.
    stream
        Output; standard error if None, because standard output is for results.
    process
        Number of this process among those of one worker: a field of each line. Default: none.
    """
    out = stream or sys.stderr
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        withhold,
    ]
    if process is not None:
        chain.append(partial(_of_process, process))
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=_last_steps(form, out))
    )
    if level != "debug":
        driver_logs.reset()
        handler.addFilter(driver_logs)
    logging.captureWarnings(capture=True)  # as lines of the log, such as that kernels compile
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
    """Replace the value of every field that can contain personal data.

    Examples
    --------
    >>> withhold(None, "info", {"event": "rejected", "viewer_id": "v-7", "offset": 12})
    {'event': 'rejected', 'viewer_id': '[withheld]', 'offset': 12}
    """
    for name in WITHHELD & line.keys():
        line[name] = "[withheld]"
    return line


def _of_process(number: int, _: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the number of the process."""
    line["process"] = number
    return line


def _last_steps(form: str, stream: TextIO) -> list[Processor]:
    """Return the processors that render a line as text."""
    drop_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if form == "console" or (form == "auto" and stream.isatty()):
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        return [drop_meta, renderer]
    return [drop_meta, structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
