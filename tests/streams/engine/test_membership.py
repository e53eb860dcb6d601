"""What the group answers to a static member that it no longer knows."""

from types import SimpleNamespace
from typing import Any

import pytest

from streams.engine.consumer_group import guard_static_member
from streams.errors import InstanceFencedError


class Coordinator:
    """aiokafka's, as far as it is looked at."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    async def _send_req(self, request: object) -> object:
        """Answer."""
        assert request == "heartbeat"
        return self.answer


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        (SimpleNamespace(error_code=0), False),
        (SimpleNamespace(error_code=27), False),
        (SimpleNamespace(error_code=25), True),
        (SimpleNamespace(error_code=82), True),
        (SimpleNamespace(topics=[("in", [(0, 0), (1, 0)])]), False),
        (SimpleNamespace(topics=[("in", [(0, 0), (1, 25)])]), True),
        (SimpleNamespace(), False),
    ],
)
async def test_a_refused_member_ends(answer: Any, lost: bool) -> None:
    """Unknown member and fenced instance end the worker, a rebalance under way does not."""
    deaths: list[BaseException] = []
    coordinator = Coordinator(answer)
    guard_static_member(coordinator, "place-0", deaths.append)
    assert await coordinator._send_req("heartbeat") is answer
    assert [type(death) for death in deaths] == [InstanceFencedError] * lost
    assert all("place-0" in str(death) for death in deaths)
