"""`nearline worker`: one worker with both stages."""

from typing import Annotated

import typer

from streams.cli.options import Brokers, HttpPort, Prefix, StateDir, service_settings


def worker(
    *,
    brokers: Brokers = None,
    prefix: Prefix = None,
    group: Annotated[
        str | None, typer.Option(help="Consumer group; workers of one group share the partitions.")
    ] = None,
    state_dir: StateDir = None,
    http_port: HttpPort = None,
) -> None:
    """Learn from viewing events and publish home pages, until SIGTERM or ctrl-C.

    Start up to one worker per partition: workers of one group share the partitions. Exit codes: 0 stopped by
    a signal, 2 invalid setting, 3 no broker (a worker that has worked before waits for it), 4 start it again
    (a transaction's outcome is unknown, or a step failed), 5 start it again (no progress).
    """
    from streams.engine.broker_wait import wait_for_broker
    from streams.worker import build_worker

    settings = service_settings(brokers, prefix, group=group, state_dir=state_dir, http_port=http_port)
    wait_for_broker(settings)
    raise typer.Exit(build_worker(settings).run())
