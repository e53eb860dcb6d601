"""`nearline forget`: delete what is known of a viewer."""

from typing import Annotated

import typer

from streams.cli.console import human, write_json
from streams.cli.options import Brokers, Json, Prefix


def forget(
    viewer_id: Annotated[str, typer.Argument(metavar="VIEWER", help="Viewer id, as in the events.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: it cannot be undone.")] = False,
    wait_s: Annotated[
        float, typer.Option("--wait", min=0.0, metavar="SECONDS", help="For the worker; 0: only ask.")
    ] = 30.0,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Delete a viewer's history, taste, page and part in experiments, here and in every replay.

    What was counted of all viewers together stays: it names nobody. Events already sent stay in the log until
    its retention has passed (7 days, dead letters 30); stop sending the viewer's events before.
    """
    from streams.config.settings import Settings
    from streams.ops.forget import await_forgotten, request

    settings = Settings.load(brokers=brokers, topic_prefix=prefix)
    if not yes:
        typer.confirm("Forget this viewer for good?", abort=True, err=True)
    asked = request(settings, viewer_id)
    document: dict[str, object] = {
        "event_id": asked.event_id,
        "partition": asked.partition,
        "offset": asked.offset,
    }
    console = human(json)
    if wait_s:
        seconds = await_forgotten(settings, asked, timeout_s=wait_s)
        console.print(f"forgotten after {seconds:.1f} s: history, taste and page are gone")
        document["forgotten_after_s"] = round(seconds, 3)
    else:
        console.print(f"asked at {settings.topic_prefix}viewing.events.v1/{asked.partition}@{asked.offset}")
    write_json(json, document)
