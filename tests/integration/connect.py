"""Kafka Connect from Maven's jars, as `deploy/connect/README.md` starts it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from streams.config.settings import Settings
from streams.ops.local_kafka.node import LOG4J2

FOLDER = Path(__file__).resolve().parents[2] / "deploy/connect"
STOP_S = 60.0


def built() -> Path:
    """Return the folder of the compiled transformation and all jars; each version is built once."""
    if shutil.which("mvn") is None or shutil.which("java") is None:
        pytest.skip("there is no Java or no Maven to run Connect with")
    sources = sorted(file for file in (FOLDER / "pom.xml", *(FOLDER / "src").rglob("*")) if file.is_file())
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:12]
    target = Settings().cache_dir / f"connect-{digest}"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "done").exists():
            goals = ["package", "dependency:copy-dependencies", f"-Dbuilt={target}"]
            command = ["mvn", "-q", "-B", "-f", str(FOLDER / "pom.xml"), *goals]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
            assert done.returncode == 0, done.stdout + done.stderr
            (target / "done").touch()
    return target


class Connect:
    """A process of Connect: a standalone worker, or MirrorMaker.

    Parameters
    ----------
    program
        Java class.
    arguments
        Of the class.
    folder
        Receives the log.
    variables
        Added to the environment.
    """

    def __init__(
        self, program: str, arguments: list[str], folder: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        log4j = folder / "log4j2.properties"
        log4j.write_text(LOG4J2, encoding="utf-8")
        home = built()
        self._command = [
            "java", "-Xmx256m", f"-Dlog4j2.configurationFile={log4j}",
            "-cp", f"{home}/classes:{home}/dependency/*", program, *arguments,
        ]  # fmt: skip
        self._variables = {**os.environ, **(variables or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it has said."""
        return (self.folder / "connect.log").read_text(errors="replace")

    def check(self) -> None:
        """Fail if it has ended."""
        assert self._process is not None
        assert self._process.poll() is None, self.log[-3000:]

    def kill(self) -> None:
        """End it as `kill -9` does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        with (self.folder / "connect.log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=self._variables)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
