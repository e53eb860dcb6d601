"""What every command shares: exit codes, how errors look, and where human text and JSON go.

Human text goes to standard output, unless the command was asked for JSON there (`--json -`): then standard
output holds the JSON document and nothing else, and everything for humans goes to standard error.
"""

import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import SettingsError, StreamError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

STDOUT = "-"
"""The PATH of `--json` that means standard output."""


class ExitCode(IntEnum):
    """How a command says what became of it."""

    DONE = 0
    """The work was done."""
    FAILED = 1
    """The work was not done; or `check` found differences."""
    USAGE = 2
    """The command or a setting was wrong."""
    UNREACHABLE = 3
    """The broker did not answer."""
    IN_DOUBT = 4
    """The outcome of a transaction is unknown, or state has to be rebuilt: start the worker again."""
    STUCK = 5
    """The watchdog saw no progress and ended the worker: start it again."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM came before the work was done, as shells number it."""


@dataclass(slots=True)
class Frame:
    """What the options before the command say."""

    debug: bool = False
    """Show the whole traceback of an error."""


def examples(*lines: str) -> str:
    """Return the end of a help text: the given command lines, one below the other.

    Examples
    --------
    >>> print(examples("nearline kafka start"))
    [bold]Examples[/bold]
    <BLANKLINE>
    $ nearline kafka start
    """
    return "\n\n".join(["[bold]Examples[/bold]", *(f"$ {line}" for line in lines)])


def human(json_path: str | None = None) -> "Console":
    """Return the console for human text: standard output, or standard error when JSON goes to the former."""
    from rich.console import Console

    return Console(stderr=json_path == STDOUT, highlight=False)


def write_json(json_path: str | None, document: object) -> None:
    """Write a command's result as JSON, when it was asked for.

    Parameters
    ----------
    json_path
        A file, :data:`STDOUT`, or None: not asked for.
    document
        Dictionaries, lists, dataclasses, numbers, text; a number that is not finite becomes null.

    Raises
    ------
    SettingsError
        The file cannot be written.
    """
    if json_path is None:
        return
    import sys

    import orjson

    data = orjson.dumps(document, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if json_path == STDOUT:
        sys.stdout.write(data.decode())
        return
    try:
        Path(json_path).write_bytes(data)
    except OSError as error:
        what = f"cannot write {json_path}"
        raise SettingsError(what, why=error.strerror or "", next_step="give another --json PATH") from error


def figures(title: str, document: Mapping[str, object]) -> "Table":
    """Return a command's result as a table for people: rounded, a dash for what is not known.

    Examples
    --------
    >>> human().print(figures("run", {"events": 1234, "freshness_ms": {"p50": 12.345, "p99": None}}))
             run
     events        1,234
     freshness_ms  p50 12.35 · p99 -
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, title=title, show_header=False, pad_edge=True)
    for name, value in document.items():
        table.add_row(name, _figure(value))
    return table


def _figure(value: object) -> str:
    if isinstance(value, Mapping):
        return " · ".join(f"{name} {_figure(part)}" for name, part in value.items())
    if isinstance(value, float) and value == value:  # noqa: PLR0124 - not NaN
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004 - digits shown
    return f"{value:,}" if isinstance(value, int) else "-" if value is None else str(value)


def _interrupt(*_: object) -> None:
    """Answer a signal as Python answers ctrl-C."""
    raise KeyboardInterrupt


@contextmanager
def interruptible(handler: Callable[..., object] = _interrupt) -> Iterator[None]:
    """Give ctrl-C and SIGTERM one handler.

    By default both raise KeyboardInterrupt, so that what a command started ends with it.
    """
    import signal

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, former in zip(numbers, before, strict=True):
            signal.signal(number, former)


def present(error: BaseException, *, debug: bool) -> ExitCode:
    """Show an error on standard error as what, why and next step; return the exit code that goes with it."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if debug:
        console.print("".join(traceback.format_exception(error)), markup=False)
    known = error if isinstance(error, StreamError) else _bug(error)
    console.print(f"[bold red]error:[/] {escape(known.what)}")
    if known.why:
        console.print(f"[dim]  why:[/] {escape(known.why)}")
    if known.next_step:
        console.print(f"[dim] next:[/] {escape(known.next_step)}")
    return ExitCode(known.exit_code)


def _bug(error: BaseException) -> StreamError:
    """Wrap what nobody foresaw: our fault, and the reader should be able to report it."""
    why = f"{type(error).__name__}: {error}"
    advice = "repeat with `nearline --debug …` and report what it prints"
    return StreamError("nearline met an error that it does not know", why=why, next_step=advice)
