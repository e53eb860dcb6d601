"""The checks of `nearline doctor` that look at this machine."""

import fcntl
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from streams.brokers import jars
from streams.brokers.java import find_java
from streams.errors import JavaMissingError
from streams.findings import Finding, Patient, Status

__all__ = ["MACHINE_CHECKS"]

LEAST_FREE = 1_000_000_000
"""Bytes of free disk below which a warning is due: the state of a million viewers at 1 kB each."""
PATIENCE_S = 3.0
"""Longest wait for a worker's answer."""
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


MACHINE_CHECKS = (settings, state_folder, worker, local_broker)
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
