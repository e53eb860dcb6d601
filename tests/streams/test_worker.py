"""What a worker does before it starts."""

import pytest
from structlog.testing import capture_logs

from streams import worker


@pytest.mark.parametrize(("compiled", "lines"), [(0, 0), (3, 1)])
def test_a_worker_says_that_it_compiled(monkeypatch: pytest.MonkeyPatch, compiled: int, lines: int) -> None:
    """One line with how many kernels, how long, and why; none if the caches had them all."""
    monkeypatch.setattr(worker, "warm_up", lambda: compiled)
    with capture_logs() as logged:
        worker.load_kernels()
    found = [one for one in logged if one["event"] == "kernels_compiled"]
    assert len(found) == lines
    assert all(one["kernels"] == 3 and one["seconds"] >= 0 and one["cause"] for one in found)
