"""Do the newcomer's run and write it down: `python -m tests.newcomer`, see `--help`."""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from streams.config.settings import Settings
from streams.ops.runs.worker_process import becomes_ready, cluster_port, free_port
from tests.newcomer import broken, browser, endpoints, grafana
from tests.newcomer.record import Record

ROOT = Path(__file__).resolve().parents[2]
VIEWER = "newcomer"
READY_S = 300.0
INTRODUCTION = """# A newcomer's first hour

Written by `python -m tests.newcomer` out of a run: every command was run, and this is what it printed,
shortened where it says so. Run it again to see it on your machine; it needs Java 17, Maven, Go and Chromium.
"""


def main(words: list[str] | None = None) -> int:
    """Do the run."""
    parser = argparse.ArgumentParser(prog="python -m tests.newcomer", description=__doc__)
    parser.add_argument(
        "--here", action="store_true", help="in this checkout and environment, not in a clone"
    )
    parser.add_argument("--demo", type=float, default=20.0, metavar="SECONDS", help="for the demo; 0: none")
    parser.add_argument("--out", type=Path, default=ROOT / "deploy/newcomer", help="folder of the record")
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="nearline-newcomer-") as folder:
        record = prepared(Path(folder), here=asked.here)
        if asked.demo:
            demo(record, asked.demo)
        with installation(record, Path(folder)) as server:
            page(record, server)
            endpoints.ask_all(record, server, VIEWER)
            from_go(record, server, Path(folder))
            dashboard(record)
            doctor(record)
        record.write(asked.out)
    return 0


def prepared(folder: Path, *, here: bool) -> Record:
    """Clone and set up, and return the record that begins so."""
    clone = ROOT if here else folder / "nearline"
    record = Record(clone, aliases={str(clone): "~/nearline", str(folder): "~", str(Path.home()): "~"})
    record.lines += [*INTRODUCTION.splitlines(), ""]
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    record.say(f"{datetime.now(UTC):%Y-%m-%d}, {machine}, Python {platform.python_version()}.")
    if here:
        record.say(
            "In a checkout that `make setup` had prepared (`--here`); without it the run begins with a clone."
        )
        record.variables = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        return record
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    record.head("Set up", "A clone, and what it needs, from the lock.")
    begun = time.monotonic()
    record.run("make setup")
    record.say(f"{time.monotonic() - begun:.0f} s.")
    record.variables = {"PATH": f"{clone / '.venv/bin'}:{os.environ['PATH']}"}
    return record


def demo(record: Record, seconds: float) -> None:
    """Let the demo run for a while."""
    record.head("The demo", "No Kafka, no Docker: a broker in the process, a worker, invented viewers.")
    command = f"nearline demo --seconds {seconds:g} --json -"
    summary = json.loads(record.run(command, shown=""))
    names = ("first_list_s", "events", "lists", "dead_letters", "events_per_s", "freshness_ms", "hr@10")
    record.printed(command, json.dumps({name: summary[name] for name in names}, indent=1))


@contextmanager
def installation(record: Record, folder: Path) -> Iterator[str]:
    """Start a real Kafka, a worker, a server and viewers as README.md says; give the server's address."""
    record.head("On a real Kafka", "Each in a terminal of its own.")
    port, serve, worker = cluster_port(), free_port(), free_port()
    record.aliases |= {f":{port}": ":19092", f":{serve}": ":8080", f":{worker}": ":8000"}
    record.variables = {
        **record.variables,
        "NEARLINE_BROKERS": f"127.0.0.1:{port}",
        "NEARLINE_STATE_DIR": str(folder / "state"),
        "NEARLINE_SERVE__PORT": str(serve),
        "NEARLINE_HTTP_PORT": str(worker),
        "NEARLINE_SERVE__WORKERS": f'["http://127.0.0.1:{worker}/metrics"]',
        "COLUMNS": "110",
    }
    kafka = f"--dir {folder / 'kafka'}"
    with ExitStack() as stack:
        record.run(f"nearline kafka start --port {port} {kafka}", shown="nearline kafka start")
        stack.callback(record.run, f"nearline kafka stop {kafka}", shown="")
        record.run("nearline topics apply", lines=6)
        for name in ("worker", "serve"):
            stack.enter_context(_running(record, name, folder))
        for at in (worker, serve):
            assert becomes_ready(at), f"nothing is ready on port {at}"
        record.run("nearline simulate --rate 500/s --events 5000", lines=8)
        record.run("nearline doctor", lines=40)
        yield f"http://127.0.0.1:{serve}"


def page(record: Record, server: str) -> None:
    """Look at a stranger's page, watch three titles, and look again."""
    record.head("The page", f"`{server}/watch/{VIEWER}` in Chromium, of somebody whom nobody knows.")
    with browser.chromium() as driver:
        driver.get(f"{server}/watch/{VIEWER}")
        record.picture(
            "before.jpg", browser.picture(driver), "The page of a stranger: what everybody watches."
        )
        watched = [browser.watch_first(driver) for _ in range(3)]
        driver.execute_script("document.getElementById('toasts').replaceChildren()")
        record.say(f"“Watched it”, three times, each time on what is on top: {', '.join(watched)}.")
        record.picture(
            "after.jpg", browser.picture(driver), "The same page, now the viewer's own, without a reload."
        )


def from_go(record: Record, server: str, folder: Path) -> None:
    """Let a producer in Go change a list."""
    record.head("A producer in Go", "One event of another language's client, and the list before and after.")
    address = f"{server}/v1/viewers/{VIEWER}/home"
    before = _home(address)
    record.run(
        f"go build -o {folder / 'sample'} .", folder="deploy/samples/go", shown="go build -o ~/sample ."
    )
    record.run(f"{folder / 'sample'} send {before['titles'][0]} {VIEWER}")
    deadline = time.monotonic() + READY_S
    while (after := _home(address))["seq"] == before["seq"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert before["titles"][0] not in after["titles"], "the list did not follow"
    rows = [
        (when, home["seq"], ", ".join(home["titles"][:6]))
        for when, home in (("before", before), ("after", after))
    ]
    record.table(("", "seq", "the first six of the first row"), rows)


def dashboard(record: Record) -> None:
    """Hold the dashboard against what Grafana's import takes."""
    document = json.loads(
        (record.clone / "deploy/observability/grafana/dashboards/nearline.json").read_bytes()
    )
    record.head(
        "The dashboard",
        "`deploy/observability/grafana/dashboards/nearline.json`, as Grafana's import takes it.",
    )
    problems = grafana.import_problems(document)
    assert not problems, problems
    record.table(("asked of an import", "found"), grafana.shape(document))


def doctor(record: Record) -> None:
    """Break things, and ask the doctor."""
    record.head("When something is wrong", "`nearline doctor` on set-ups that are broken on purpose.")
    rows = []
    for n, one in enumerate(broken.BROKEN):
        settings = Settings.load(brokers=record.variables["NEARLINE_BROKERS"], topic_prefix=f"broken{n}.")
        found = broken.diagnose(one, settings)
        rows.append((one.name, one.check, f"{found.status}, code {one.code}", found.cause, found.next_step))
    record.table(("set-up", "check", "ends with", "cause, as printed", "next step, as printed"), rows)


@contextmanager
def _running(record: Record, command: str, folder: Path) -> Iterator[None]:
    """Keep a command running, as in another terminal."""
    record.printed(f"nearline {command} &", "")
    with (folder / f"{command}.log").open("wb") as log:
        process = subprocess.Popen(
            ["nearline", command],
            cwd=record.clone,
            env=os.environ | record.variables,
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _home(address: str) -> Mapping[str, object]:
    """Return number and first titles of a page."""
    with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310 - http, ours
        page = json.loads(answer.read())
    return {"seq": page["seq"], "titles": [item["title_id"] for item in page["rows"][0]["items"]]}


if __name__ == "__main__":
    sys.exit(main())
