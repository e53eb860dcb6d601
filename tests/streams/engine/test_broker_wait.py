"""A worker that starts while no broker answers: waits if it has worked before."""

import shutil
import urllib.error
import urllib.request
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.config.settings import Settings
from streams.engine import broker_wait
from streams.engine.broker_wait import wait_for_broker
from streams.engine.broker_watch import BrokerWatch
from streams.errors import AccessError, BrokerUnreachableError
from streams.kafka.clients import KafkaError, KafkaException
from streams.ops.runs.worker_process import free_port
from streams.telemetry.logging import configure
from tests.waiting import until

NOWHERE = "127.0.0.1:1"


class Client:
    """Stands in for an admin client; its broker is away."""

    away = True

    def list_topics(self, _topic: str, timeout: float) -> None:
        """Answer, or not."""
        assert timeout
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Return settings of a worker whose broker is away."""
    return Settings(brokers=NOWHERE, connect_timeout_s=0.5, state_dir=tmp_path, http_port=free_port())


def database(settings: Settings, *folders: str) -> None:
    """Leave what a worker leaves behind."""
    folder = settings.state_dir.joinpath(*folders, "viewers", "0")
    folder.mkdir(parents=True)
    (folder / "CURRENT").touch()


def test_a_first_start_does_not_wait(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    """A wrong address is an error at once, in plain words, without a line of the driver."""
    configure("INFO", "console")
    for _ in range(2):
        with pytest.raises(BrokerUnreachableError) as failure:
            wait_for_broker(settings)
        assert failure.value.why == f"{NOWHERE}: Connection refused"
        shutil.rmtree(settings.state_dir, ignore_errors=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("folders", [(), ("insights",)])
def test_a_worker_that_has_worked_waits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, folders: tuple[str, ...]
) -> None:
    """Alive, not ready with the reason, one line in the log; it goes on when a broker answers."""
    database(settings, *folders)
    client = Client()

    def watching(*about: Any) -> BrokerWatch:
        watch = BrokerWatch(*about)
        watch._client = client  # type: ignore[assignment]
        return watch

    monkeypatch.setattr(broker_wait, "BrokerWatch", watching)
    monkeypatch.setattr(broker_wait, "PAUSE_S", 0.01)
    monkeypatch.setattr(broker_wait, "require_broker", _away)
    waiting = Thread(target=wait_for_broker, args=(settings,), daemon=True)

    def answer(path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{settings.http_port}/{path}", timeout=5) as found:
                return str(found.read().decode())
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.read().decode()}"
        except OSError:
            return ""

    with capture_logs() as lines:
        waiting.start()
        found = until(lambda: answer("readyz"), seconds=30)
        assert found.startswith(f"503 no Kafka broker answers at {NOWHERE}")
        assert answer("livez") == "alive\n"
        client.away = False
        waiting.join(30)
    assert not waiting.is_alive()
    assert [one["event"] for one in lines] == ["broker_gone", "broker_back"]
    assert answer("livez") == ""


def test_who_is_refused_does_not_wait(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong password is no outage."""

    def refused(_: Settings) -> int:
        what = "the Kafka refuses this user"
        raise AccessError(what)

    database(settings)
    monkeypatch.setattr(broker_wait, "require_broker", refused)
    with pytest.raises(AccessError):
        wait_for_broker(settings)


def _away(_: Settings) -> int:
    what = "no Kafka broker answers"
    raise BrokerUnreachableError(what)
