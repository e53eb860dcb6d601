"""The checks of `nearline doctor` that look at this machine."""

import fcntl
import os
import shutil
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path

from streams.errors import JavaMissingError
from streams.ops.findings import Finding, Patient, Status
from streams.ops.local_kafka import java as jars
from streams.ops.local_kafka.java import find_java
from streams.ops.overview import fetch
from streams.ops.state_checks import databases

__all__ = ["MACHINE_CHECKS"]

LEAST_FREE = 1_000_000_000
"""Bytes of free disk below which a warning is due: the state of a million viewers at 1 kB each."""
PATIENCE_S = 3.0
"""Longest wait for a worker's answer."""
STILL_S = 30.0
"""Seconds without movement, with work at hand, that are worth a look: half of the watchdog's patience."""
TOLD = 500
"""Bytes that are shown of what a worker says it waits for."""
HTTP_OK, HTTP_BUSY = 200, 503


def settings(patient: Patient) -> Finding:
    """Say what the settings are; wrong ones end before this (code 2 elsewhere)."""
    chosen = patient.settings
    return Finding(Status.OK, f"group {chosen.group}, prefix {chosen.topic_prefix or 'none'}")


def state_folder(patient: Patient) -> Finding:
    """Look whether the databases' folder can be written, has room, and who works on it."""
    folder = patient.settings.state_dir
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    step = "correct its owner, or choose another (NEARLINE_STATE_DIR)"
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding(Status.FAIL, f"{there} cannot be written", step)
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE:
        cause = f"{free / 1e6:.0f} MB are free at {folder}"
        return Finding(Status.WARN, cause, "make room, or choose another disk (NEARLINE_STATE_DIR)")
    if _locked(folder / "LOCK"):
        return Finding(Status.OK, f"{folder} is in use by a running worker")
    state = "is free for a worker" if folder.exists() else "will be made by the first worker"
    return Finding(Status.OK, f"{folder} {state}; {free / 1e9:.0f} GB free")


def worker(patient: Patient) -> Finding:
    """Ask the worker on this machine whether it is ready."""
    address = f"http://{patient.settings.http_host}:{patient.settings.http_port}/readyz"
    if not patient.settings.http_port:
        return Finding(Status.UNKNOWN, "its port is chosen at every start (NEARLINE_HTTP_PORT=0)")
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
            status, told = answer.status, ""
    except urllib.error.HTTPError as error:
        status, told = error.code, error.read(TOLD).decode(errors="replace").strip().replace("\n", "; ")
    except OSError as error:
        cause = f"nothing answers at {address}: {getattr(error, 'reason', error)}"
        return Finding(Status.WARN, cause, "run `nearline worker`, or set NEARLINE_HTTP_PORT as it has")
    if status == HTTP_OK:
        return Finding(Status.OK, f"{address} says ready")
    if status == HTTP_BUSY:
        return Finding(Status.WARN, f"{address} says: {told}", "wait; ask again for how far it is")
    cause = f"{address} answers {status}: something else listens there"
    return Finding(Status.WARN, cause, "choose another port for the worker (NEARLINE_HTTP_PORT)")


def metrics(patient: Patient) -> Finding:
    """Read the worker's metrics as Prometheus would: whether it moves, and is of this version."""
    address = f"http://{patient.settings.http_host}:{patient.settings.http_port}/metrics"
    shown = fetch(address) if patient.settings.http_port else None
    if shown is None:
        return Finding(Status.UNKNOWN, f"no metrics at {address}")
    running, here = shown.by("nearline_build_info", "version"), version("nearline")
    if not running:
        cause = f"{address} shows metrics that are not a worker's"
        return Finding(Status.WARN, cause, "choose another port for the worker (NEARLINE_HTTP_PORT)")
    stalled = shown.value("nearline_stalled_seconds")
    if stalled > STILL_S:
        cause = f"there is work and nothing has moved for {stalled:.0f} s"
        return Finding(
            Status.FAIL, cause, "look at the worker's log; its watchdog will end it, start it again"
        )
    if here not in running:
        cause = f"the worker is nearline {', '.join(running)}, this command {here}"
        return Finding(Status.WARN, cause, "restart the worker, or use the command that came with it")
    return Finding(Status.OK, f"{address} shows nearline {here} at work")


def server(patient: Patient) -> Finding:
    """Ask the read interface on this machine whether it is ready; not every machine has one."""
    serve = patient.settings.serve
    address = f"http://{serve.host}:{serve.port}/readyz"
    if not serve.port:
        return Finding(Status.UNKNOWN, "its port is chosen at every start (NEARLINE_SERVE__PORT=0)")
    try:
        with urllib.request.urlopen(address, timeout=PATIENCE_S):
            return Finding(Status.OK, f"{address} says ready")
    except urllib.error.HTTPError as error:
        cause = f"{address} answers {error.code}"
        step = "wait; ask again for how far it is" if error.code == HTTP_BUSY else "look what listens there"
        return Finding(Status.WARN, cause, step)
    except OSError:
        return Finding(
            Status.UNKNOWN, f"nothing answers at {address}; whoever reads over HTTP runs `nearline serve`"
        )


def local_broker(patient: Patient) -> Finding:
    """Say whether `nearline kafka start` could run: Java, and Maven or the jars it fetched before."""
    instead = "only `nearline kafka start` needs it; the embedded broker does not"
    try:
        java = find_java()
    except JavaMissingError as error:
        return Finding(Status.WARN, f"{error.what}: {error.why}", f"{error.next_step}; {instead}")
    if jars.folder_of_jars(patient.settings.cache_dir).is_dir():
        return Finding(Status.OK, f"{java}, and the broker's jars are here")
    if shutil.which("mvn") is None:
        cause = "there is no `mvn` to fetch the broker's jars"
        return Finding(Status.WARN, cause, f"install Maven; {instead}")
    return Finding(Status.OK, f"{java}; Maven will fetch the broker's jars at the first start")


MACHINE_CHECKS = (settings, state_folder, databases, worker, metrics, server, local_broker)
"""In the order in which they are shown."""


def _locked(file: Path) -> bool:
    """Say whether a worker holds the folder; takes nothing and makes nothing."""
    try:
        with file.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
