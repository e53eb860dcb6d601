"""`nearline worker`: one worker with both stages."""

from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.options import Brokers, HttpPort, Prefix, StateDir, service_settings

if TYPE_CHECKING:
    from streams.config.settings import Settings


def worker(
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Annotated[
        str | None, typer.Option(help="Consumer group; workers of one group share the partitions.")
    ] = None,
    state_dir: StateDir = None,
    http_port: HttpPort = None,
    processes: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            help="Processes, which share the partitions; auto: one a core that may be used, at most one a "
            "partition. [dim]Setting NEARLINE_PROCESSES, default 1.[/]",
        ),
    ] = None,
) -> None:
    """Learn from viewing events and publish home pages, until SIGTERM or ctrl-C.

    Start up to one worker per partition: workers of one group share the partitions. With --processes one
    command fills a machine: they are started and ended together, one that ends is started again, and /livez,
    /readyz and /metrics are those of all. Exit codes: 0 stopped by a signal, 2 invalid setting, 3 no broker
    (a worker that has worked before waits for it), 4 start it again (a transaction's outcome is unknown, or a
    step failed), 5 start it again (no progress).
    """
    from streams.engine.broker_wait import wait_for_broker

    settings = service_settings(
        brokers, prefix, group=group, state_dir=state_dir, http_port=http_port, processes=processes
    )
    if settings.process_number is not None:
        from streams.supervisor.lifeline import end_with_supervisor

        end_with_supervisor()
    wait_for_broker(settings)
    raise typer.Exit(_run(settings))


def _run(settings: "Settings") -> int:
    """Run a worker of one process or of several; return the exit code."""
    if settings.processes != "1":
        from streams.supervisor.supervisor import number_of_processes, supervise

        processes = number_of_processes(settings)
        if processes > 1:
            return supervise(settings, processes)
    from streams.worker import build_worker

    return build_worker(settings).run()
