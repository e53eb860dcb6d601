"""`nearline forget`: delete a viewer's data."""

from typing import Annotated

import typer

from streams.cli.console import human, write_json
from streams.cli.options import Brokers, Json, Prefix


def forget(
    viewer_id: Annotated[str, typer.Argument(metavar="VIEWER", help="Viewer id, as in the events.")],
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask for confirmation: it cannot be undone.")
    ] = False,
    wait_s: Annotated[
        float,
        typer.Option(
            "--wait", min=0.0, metavar="SECONDS", help="Wait for the worker; 0: only send the request."
        ),
    ] = 30.0,
    brokers: Brokers = None,
    prefix: Prefix = None,
    json: Json = None,
) -> None:
    """Delete a viewer's history, taste, page and experiment results, now and in every replay.

    Aggregates over many viewers stay: they identify no viewer. Events already sent stay in the log until its
    retention ends (7 days, dead letters 30 days); stop sending the viewer's events first.

    JSON keys: event_id, partition, offset, known (whether there was state of the viewer), forgotten_after_s.
    """
    from schemas.audit import AuditAction
    from streams.config.settings import Settings
    from streams.ops.audit import audited
    from streams.ops.forget import await_forgotten, is_known, new_event_id, request

    settings = Settings.load(brokers=brokers, topic_prefix=prefix)
    if not yes:
        typer.confirm("Delete this viewer's data permanently?", abort=True, err=True)
    known = is_known(settings, viewer_id)
    event_id = new_event_id()
    with audited(settings, AuditAction.FORGET, event_id):
        sent = request(settings, viewer_id, event_id)
    document: dict[str, object] = {
        "event_id": sent.event_id,
        "partition": sent.partition,
        "offset": sent.offset,
        "known": known,
    }
    console = human(json)
    if not known:
        console.print(
            "[yellow]no worker has state of this viewer[/]: check the spelling of the id, or it was deleted "
            "before; the request is sent all the same"
        )
    if wait_s:
        seconds = await_forgotten(settings, sent, timeout_s=wait_s)
        console.print(f"forgotten after {seconds:.1f} s: history, taste and page are deleted")
        document["forgotten_after_s"] = round(seconds, 3)
    else:
        console.print(f"requested at {settings.topic_prefix}viewing.events.v1/{sent.partition}@{sent.offset}")
    write_json(json, document)
