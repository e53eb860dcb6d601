"""The composition root of a worker: settings and stages in, a Faust app out, and the process around it.

Nothing happens at import. What we use of Faust is its app, agents, group membership, rebalancing and the
supervision of its services; its tables, web server, producer and acknowledgements are off (reasons:
:mod:`streams.transport`, :mod:`streams.stage`).
"""

from collections.abc import Sequence
from typing import Protocol

from streams.stage import StageSpec


class Companion(Protocol):
    """Something that lives as long as the worker, such as the reader of a replica."""

    def start(self) -> None:
        """Begin; called before the worker joins the group. May raise :class:`~streams.errors.StreamError`."""

    def stop(self) -> None:
        """End; called when all partitions are closed."""

# def build_app(settings: Settings, stages: Sequence[StageSpec], metrics: Metrics, *, failpoint=no_failpoint) -> App
# def run_worker(app: App, companions: Sequence[Companion] = ()) -> int     # exit code; blocks until SIGTERM/SIGINT
