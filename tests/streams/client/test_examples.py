"""The examples of `deploy/clients.md` run as they stand, but for the addresses."""

import re
from pathlib import Path
from typing import Any

from schemas.codec import decode_event
from tests.streams.serve.conftest import listening_server

PAGE = Path(__file__).parents[3] / "deploy/clients.md"


def test_the_examples_in_python_run(tmp_path: Path) -> None:
    """Pages over HTTP, events over HTTP and Kafka, with and without an event loop."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = {}
    with listening_server(tmp_path) as (address, stand):
        for block in blocks:
            here = block.replace("http://127.0.0.1:8080", address)
            exec(here.replace("127.0.0.1:19092", stand.settings.brokers), found)  # noqa: S102 - our own page
        events = [decode_event(message.value()) for message in stand.events()]
    assert len(blocks) == 3
    assert found["newest"]["ada"].list_id == "0-1-1"
    assert found["titles"] == {"ada": "engine", "bob": "tide"}
    assert sorted(one.event_id for one in events) == sorted(
        [found["play"].event_id, found["play"].event_id, "seen-ada", "seen-bob"]
    )
