"""What all commands share: exit codes, the format of errors, and where text and JSON are written.

Text for people goes to standard output. With `--json -`, standard output holds only the JSON document, and
text for people goes to standard error.
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
    """Exit codes of commands."""

    DONE = 0
    """Success."""
    FAILED = 1
    """The command failed, or a check found something."""
    USAGE = 2
    """The command line or a setting is invalid."""
    UNREACHABLE = 3
    """The broker did not answer."""
    IN_DOUBT = 4
    """The outcome of a transaction is unknown, or the state must be rebuilt: start the worker again."""
    STUCK = 5
    """The watchdog ended the worker for lack of progress: start it again."""
    INTERRUPTED = 130
    """Ctrl-C or SIGTERM ended the command; the number that shells use."""


@dataclass(slots=True)
class GlobalOptions:
    """Options before the command."""

    debug: bool = False
    """Show the traceback of an error."""


def examples(*lines: str) -> str:
    """Return the end of a help text: example command lines, one a line.

    Examples
    --------
    >>> print(examples("nearline kafka start"))
    [bold]Examples[/bold]
    <BLANKLINE>
    $ nearline kafka start
    """
    return "\n\n".join(["[bold]Examples[/bold]", *(f"$ {line}" for line in lines)])


def human(json_path: str | None = None) -> "Console":
    """Return the console for text: standard output, or standard error if JSON goes to standard output."""
    from rich.console import Console

    return Console(stderr=json_path == STDOUT, highlight=False)


def write_json(json_path: str | None, document: object) -> None:
    """Write a command's result as JSON, if asked for.

    Parameters
    ----------
    json_path
        A file, :data:`STDOUT`, or None (not asked for).
    document
        Dictionaries, lists, dataclasses, numbers, text; numbers that are not finite become null.

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
    write_text(Path(json_path), data.decode(), option="--json")


def write_text(path: Path, text: str, *, option: str) -> None:
    """Write a file that the user named by an option; line ends are written as they are.

    Raises
    ------
    SettingsError
        The file cannot be written.
    """
    with _named_by(option, path):
        path.write_text(text, encoding="utf-8", newline="")


def check_writable(path: Path | None, *, option: str) -> None:
    """Find out before long work whether a file that the user named by an option can be written.

    An existing file stays as it is, and a new one is not left behind.

    Raises
    ------
    SettingsError
        The file cannot be written.
    """
    if path is None:
        return
    with _named_by(option, path):
        existed = path.exists()
        path.open("ab").close()
        if not existed:
            path.unlink()


@contextmanager
def _named_by(option: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what, advice = f"cannot write {path}", f"give another {option} PATH"
        raise SettingsError(what, why=error.strerror or "", next_step=advice) from error


def figures(title: str, document: Mapping[str, object]) -> "Table":
    """Return a command's result as a table: rounded, a dash for unknown values.

    Examples
    --------
    >>> found = {"events": 1234, "freshness_ms": {"p50": 12.345, "p99": None}, "complete": True}
    >>> human().print(figures("run", found))
             run
     events        1,234
     freshness_ms  p50 12.35 · p99 -
     complete      yes
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
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else "-" if value is None else str(value)


def _interrupt(*_: object) -> None:
    """Handle a signal as Python handles ctrl-C."""
    raise KeyboardInterrupt


@contextmanager
def interruptible(handler: Callable[..., object] = _interrupt) -> Iterator[None]:
    """Handle ctrl-C and SIGTERM alike.

    By default both raise KeyboardInterrupt, so that processes that the command started end with it.
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
    """Show an error on standard error as what, why and next step; return its exit code."""
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
    """Wrap an unexpected error so that the reader can report it."""
    why = f"{type(error).__name__}: {error}"
    advice = "repeat with `nearline --debug …` and report what it prints"
    return StreamError("unexpected error", why=why, next_step=advice)
