"""The command line `nearline`: one module a command in `streams.cli.commands`, and the table that lists them.

* `streams.cli.commands`: parse options, call `streams.ops` or a service, show the result. Commands compute
  nothing.
* `streams.cli.views`: tables, screens, progress bars and reports.
* `streams.cli.console`: exit codes, the format of errors, where text and JSON go.
* `streams.cli.options`: options that several commands share.

A command imports heavy modules inside its functions, so that `nearline --help` is fast. Errors are shown as
what, why and next step, with a traceback only under `--debug`; exit codes are those of
:class:`streams.cli.console.ExitCode`.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module, metadata
from typing import Annotated, Any, NamedTuple

import typer
from typer.main import get_command

from streams.cli.console import ExitCode, GlobalOptions, examples, present


class Command(NamedTuple):
    """One command of the table."""

    name: str
    """What the user types."""
    target: str
    """module:object; the object is a function, or a `typer.Typer` for a group of commands."""
    examples: tuple[str, ...]
    """Command lines at the end of its help."""


COMMANDS = (
    Command(
        "demo",
        "streams.cli.commands.demo:demo",
        ("nearline demo", "nearline demo --kafka --seconds 30 --json -"),
    ),
    Command("config", "streams.cli.commands.config:app", ("nearline config show",)),
    Command(
        "evaluate",
        "streams.cli.commands.evaluate:evaluate",
        (
            "nearline evaluate --ratings ml-100k.inter",
            "nearline evaluate --ratings ratings.csv --order shuffled --seeds 3 --report report.html",
            "nearline evaluate --ratings ml-100k.inter --scenario all --compare bpr,river.reco.BiasedMF",
            "nearline evaluate --ratings ml-100k.inter --through-kafka --speed 2000/s",
            "nearline evaluate --ratings ml-100k.inter --goals --seeds 3 --jobs 2",
        ),
    ),
    Command("doctor", "streams.cli.commands.doctor:doctor", ("nearline doctor", "nearline doctor --json -")),
    Command(
        "top",
        "streams.cli.commands.top:top",
        ("nearline top", "nearline top --worker w-0:8000 --worker w-1:8000"),
    ),
    Command(
        "inspect",
        "streams.cli.commands.inspect:app",
        ("nearline inspect viewer ID", "nearline inspect state"),
    ),
    Command(
        "forget",
        "streams.cli.commands.forget:forget",
        ("nearline forget v-000123", "nearline forget v-000123 --yes"),
    ),
    Command(
        "state", "streams.cli.commands.state:app", ("nearline state verify", "nearline state rebuild --yes")
    ),
    Command(
        "import",
        "streams.cli.commands.imports:app",
        (
            "nearline import catalog titles.csv",
            "nearline import history watches.parquet --dry-run",
            "nearline import fields",
        ),
    ),
    Command(
        "export",
        "streams.cli.commands.exports:app",
        (
            "nearline export pages --to warehouse/pages",
            "nearline export exposures --to warehouse/exposures --viewers pseudonyms --key export.key",
            "nearline export insights --to warehouse/insights",
        ),
    ),
    Command(
        "events",
        "streams.cli.commands.events:app",
        ("nearline events check events.jsonl", "my-producer --dry-run | nearline events check -"),
    ),
    Command("kafka", "streams.cli.commands.kafka:app", ("nearline kafka start", "nearline kafka stop")),
    Command(
        "simulate",
        "streams.cli.commands.simulate:simulate",
        (
            "nearline simulate --rate 200/s",
            "nearline simulate --rate max --events 100000 --json -",
            "nearline simulate --closed-loop --report loop.html",
            "nearline simulate --in-process --seeds 3 --json -",
        ),
    ),
    Command(
        "replay",
        "streams.cli.commands.replay:replay",
        (
            "nearline replay --ratings ml-100k.inter --embedded",
            "nearline replay --ratings u.data --speed 2000/s",
            "nearline replay --from-topic --since 2d --version blue",
        ),
    ),
    Command(
        "model",
        "streams.cli.commands.model:app",
        ("nearline model list", "nearline model switch blue", "nearline model retire 1 --yes"),
    ),
    Command(
        "experiments",
        "streams.cli.commands.experiments:app",
        (
            "nearline experiments create popularity-or-blend.json --start",
            "nearline experiments worker",
            "nearline experiments results popularity-or-blend",
            "nearline experiments roll-back popularity-or-blend",
        ),
    ),
    Command(
        "insights",
        "streams.cli.commands.insights:app",
        (
            "nearline insights worker",
            "nearline insights titles --csv titles.csv",
            "nearline insights demand --order rising --country KR",
        ),
    ),
    Command(
        "rules",
        "streams.cli.commands.rules:app",
        (
            "nearline rules create launch --kind pin --title t-paper-tide --row featured --until 2026-12-01",
            "nearline rules list",
            "nearline rules remove launch",
        ),
    ),
    Command(
        "artwork",
        "streams.cli.commands.artwork:app",
        ("nearline artwork estimate", "nearline artwork estimate --alpha 0.1 --json -"),
    ),
    Command(
        "worker",
        "streams.cli.commands.worker:worker",
        ("nearline worker", "nearline worker --group evening", "nearline worker --processes auto"),
    ),
    Command("serve", "streams.cli.commands.serve:serve", ("nearline serve", "nearline serve --port 0")),
    Command(
        "keys",
        "streams.cli.commands.keys:app",
        ("nearline keys add tv-app --scope read:pages --scope write:events", "nearline keys list"),
    ),
    Command(
        "plan",
        "streams.cli.commands.plan:plan",
        (
            "nearline plan --viewers 20M --titles 300k --events 80k/s --p99 250ms",
            "nearline plan --calibrate --kafka",
            "nearline plan --viewers 5M --events 20k/s --simulate rack-lost",
        ),
    ),
    Command("topics", "streams.cli.commands.topics:app", ("nearline topics apply", "nearline topics check")),
)
"""All commands."""


@cache
def build(commands: tuple[Command, ...] = COMMANDS) -> Callable[..., Any]:
    """Build a command line; its argument ``obj`` (`GlobalOptions`) receives the options before a command."""
    app = typer.Typer(
        name="nearline",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        epilog=examples("nearline demo", "nearline kafka start", "nearline worker --help"),
    )

    @app.callback()
    def root(
        context: typer.Context,
        *,
        debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
        version: Annotated[  # noqa: ARG001 - its callback prints and exits
            bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
        ] = False,
    ) -> None:
        """Streaming recommender for video: viewing events in on Kafka, refreshed home pages out on Kafka."""
        context.ensure_object(GlobalOptions).debug = debug

    for command in commands:
        _register(app, command)
    return get_command(app)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code.

    Parameters
    ----------
    argv
        Arguments without the program's name; None: those of the process.
    """
    options = GlobalOptions()
    try:
        build(COMMANDS)(args=list(sys.argv[1:] if argv is None else argv), prog_name="nearline", obj=options)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - every error becomes text and an exit code
        return present(error, debug=options.debug)
    return ExitCode.DONE


def _register(app: typer.Typer, command: Command) -> None:
    """Import a command and register it under its name."""
    module, _, name = command.target.partition(":")
    found = getattr(import_module(module), name)
    if isinstance(found, typer.Typer):
        app.add_typer(found, name=command.name, no_args_is_help=True, epilog=examples(*command.examples))
    else:
        app.command(command.name, epilog=examples(*command.examples))(found)


def _show_version(asked: bool) -> None:
    """Print the version and exit, if asked."""
    if asked:
        typer.echo(f"nearline {metadata.version('nearline')}")
        raise typer.Exit
