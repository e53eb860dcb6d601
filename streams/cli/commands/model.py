"""`nearline model`: versions of the model that run side by side, and which of them publishes."""

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.console import ExitCode, examples, human, write_json
from streams.cli.options import Brokers, Json, Prefix, connected

if TYPE_CHECKING:
    from streams.ops.versions import VersionReport

app = typer.Typer(
    help="Versions of the model: the live one publishes, shadows learn the same log without publishing."
)

Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="Name of the version; the first one is called 1.")
]


@app.command("list", epilog=examples("nearline model list", "nearline model list --json -"))
def list_(brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """List all versions with role, workers and lag.

    JSON: a list of objects with version, fingerprint, role (live or shadow), workers, applied (offset by
    partition, -1 for none), lag.
    """
    from streams.ops.versions import reports

    found = reports(connected(brokers, prefix))
    _show(found, json)
    write_json(json, [one.document() for one in found])


@app.command(epilog=examples("nearline model switch blue", "nearline model switch 1 --max-lag 100"))
def switch(
    version: Version,
    *,
    max_lag: Annotated[
        int, typer.Option(min=0, help="Largest lag of the old and the new version, in events.")
    ] = 1_000,
    timeout: Annotated[
        float, typer.Option(min=0.0, help="Longest wait until both have reached the cut, in seconds.")
    ] = 60.0,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Make another version live: no page is lost, and none is published twice.

    A marker in each partition of the event log is the cut. The old version publishes pages for events before
    it, the new one for events after it, once the old one has reached it; restarted workers continue where
    they were. Switch back with the same command. JSON keys: version, former, epoch, cut (offset by
    partition), done.
    """
    from schemas.audit import AuditAction
    from streams.ops.audit import audited
    from streams.ops.versions import await_cut
    from streams.ops.versions import switch as decide
    from streams.stages.versions.register import read_register

    settings, console = connected(brokers, prefix), human(json)
    register = read_register(settings)
    former = register.live
    with audited(settings, AuditAction.MODEL_SWITCH, version):
        made = decide(settings, version, max_lag=max_lag)
    names = {former, version} & register.versions.keys()
    with console.status("waiting until both versions have reached the cut …") as status:
        done = await_cut(
            settings,
            names,
            made.cut,
            timeout_s=timeout,
            show=lambda left: status.update(f"{left} partition(s) have not reached the cut yet …"),
        )
    write_json(
        json,
        {"version": version, "former": former, "epoch": made.epoch, "cut": list(made.cut), "done": done},
    )
    if not done:
        console.print(
            f"[yellow]the switch is written, but not reached by both versions within {timeout:g} s[/]"
        )
        console.print("[dim] next:[/] keep the workers of both versions running; see `nearline model list`")
        raise typer.Exit(ExitCode.FAILED)
    console.print(f"[green]version {version} is live[/], from offsets {', '.join(map(str, made.cut))} on")
    console.print(f"[dim] next:[/] keep version {former} to switch back, or `nearline model retire {former}`")


@app.command(epilog=examples("nearline model retire blue --yes"))
def retire(
    version: Version,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Delete a version's state, model, signals and consumer group. It cannot be undone.

    Refused while the version is live or has workers. JSON keys: version, deleted (topics).
    """
    from schemas.audit import AuditAction
    from streams.ops.audit import audited
    from streams.ops.versions import retire as delete

    settings = connected(brokers, prefix)
    if not yes:
        typer.confirm(f"Delete everything that version {version} has learned?", abort=True, err=True)
    with audited(settings, AuditAction.MODEL_RETIRE, version):
        deleted = delete(settings, version)
    human(json).print(f"[green]version {version} is retired[/]: {', '.join(deleted) or 'it had no topics'}")
    write_json(json, {"version": version, "deleted": deleted})


@app.command(epilog=examples("NEARLINE_MODEL__BLEND__COWATCH=0.5 nearline model accept"))
def accept(brokers: Brokers = None, prefix: Prefix = None, json: Json = None) -> None:
    """Let the version of the settings continue with a changed configuration and its learned state.

    For changes that do not need training from the start, such as the weights of the blend. The alternative is
    a new version (NEARLINE_MODEL_VERSION). JSON keys: version, former, fingerprint.
    """
    from streams.ops.versions import accept as take

    settings = connected(brokers, prefix)
    former, now = take(settings), settings.model.fingerprint()
    human(json).print(f"version {settings.model_version}: {former} → {now}")
    write_json(json, {"version": settings.model_version, "former": former, "fingerprint": now})


def _show(found: "list[VersionReport]", json: str | None) -> None:
    from rich.table import Table

    console = human(json)
    if not found:
        console.print("no version yet; the first worker registers its own")
        return
    table = Table("version", "role", "workers", "lag", "applied, by partition", "fingerprint")
    for one in found:
        lag, applied = f"{one.lag:,}", " ".join(map(str, one.applied))
        table.add_row(one.version, one.role, str(one.workers), lag, applied, one.fingerprint)
    console.print(table)
