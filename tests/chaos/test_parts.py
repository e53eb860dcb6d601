"""The driver's parts that need no broker: failpoint, load, coordinators, what is shown."""

import json
import os
import signal
import sys
import time
from itertools import islice
from pathlib import Path

import pytest

from schemas import DecodeError
from schemas.codec import check_key, decode_event
from schemas.partitioner import partition_for
from tests.chaos.__main__ import main
from tests.chaos.cluster import coordinating_partition
from tests.chaos.load import PARTITIONS, Mix, Raw, stream
from tests.chaos.worker import Failpoint, Orders
from tests.forks import exit_code_of, start_fork
from tests.parallel import FORK
from tests.waiting import PATIENCE_S

ROOT = Path(__file__).resolve().parents[2]


def usable(raw: Raw) -> bool:
    """Return whether the product takes a record."""
    try:
        check_key(decode_event(raw.value, ()), raw.key)
    except DecodeError:
        return False
    return raw.partition == partition_for(raw.key or b"", PARTITIONS)


def test_the_load_says_which_records_are_bad() -> None:
    """Every record that is called bad is refused by the product's own codec, every other one is taken."""
    records = list(islice(stream(Mix(bad=0.2), 3), 2_000))
    assert [usable(raw) for raw in records] == [not raw.bad for raw in records]
    assert sum(raw.bad for raw in records) > 200


def test_the_load_repeats_and_delays() -> None:
    """Some records come twice, and some after records that happened later."""
    values = [raw.value for raw in islice(stream(Mix(bad=0.0), 3), 2_000)]
    times = [decode_event(value, ()).event_time_ms for value in values]
    assert 20 < len(values) - len(set(values)) < 120
    assert times != sorted(times)


@pytest.mark.parametrize(
    ("name", "partitions", "expected"),
    [("", 50, 0), ("a", 50, 47), ("hello", 50, 22), ("polygenelubricants", 50, 0)],
)
def test_coordinators_are_found_as_kafka_finds_them(name: str, partitions: int, expected: int) -> None:
    """Java's hash of a string, its sign bit off: the last one's hash is the smallest integer there is."""
    assert coordinating_partition(name, partitions) == expected


def test_a_failpoint_lets_pass_what_is_not_armed(tmp_path: Path) -> None:
    """Another place, no file, or a file that is being written: nothing happens."""
    armed = tmp_path / "armed"
    failpoint = Failpoint(armed)
    failpoint("after_commit")
    armed.write_text("{")
    failpoint("after_commit")
    armed.write_text('{"place": "after_store", "action": "kill"}')
    failpoint("after_commit")
    assert armed.exists()


def test_a_failpoint_is_slow_until_disarmed(tmp_path: Path) -> None:
    """Every passage takes its time, and the trap stays."""
    armed = tmp_path / "armed"
    armed.write_text('{"place": "after_store", "action": "slow", "seconds": 0.05}')
    began = time.monotonic()
    Failpoint(armed)("after_store")
    assert time.monotonic() - began >= 0.05
    assert armed.exists()


def test_a_failpoint_kills_once(tmp_path: Path) -> None:
    """The process is dead by SIGKILL, the trap is gone, and the next life passes."""
    armed = tmp_path / "armed"
    armed.write_text('{"place": "after_store"}')
    codes = []
    for _ in range(2):
        life = FORK.Process(target=Failpoint(armed), args=("after_store",))
        life.start()
        life.join(PATIENCE_S)
        codes.append(life.exitcode)
    assert codes == [-signal.SIGKILL, 0]
    assert not armed.exists()


def test_a_failpoint_freezes_and_tells_of_late_commits(tmp_path: Path) -> None:
    """It stops; thawed, it says what the frozen thread commits."""
    armed = tmp_path / "armed"
    armed.write_text('{"place": "before_commit", "action": "freeze"}')

    def commits() -> None:
        failpoint = Failpoint(armed)
        failpoint("before_commit")
        failpoint("after_commit")

    said = tmp_path / "said"
    pid = start_fork(commits, said)
    _, status = os.waitpid(pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    os.kill(pid, signal.SIGCONT)
    exit_code_of(pid)
    assert said.read_text().split("\n")[:3] == [
        "chaos_freeze at before_commit",
        "chaos_thawed",
        "chaos_committed_after_thaw",
    ]


def test_orders_travel_as_json() -> None:
    """What the driver writes the worker reads."""
    orders = Orders("armed", sabotage="transaction", skew_s=-3.0)
    assert Orders(**json.loads(orders.text())) == orders


def test_a_wrong_schedule_is_a_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and the names of ours."""
    monkeypatch.setattr(sys, "argv", ["chaos", "--schedule", "nope"])
    assert main() == 2
    assert "ours are ci, default, sabotage" in capsys.readouterr().err
