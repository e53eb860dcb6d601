"""Find Java, and the jars of Apache Kafka, which are fetched once through Maven and kept in the user's cache.

The list of jars is `deploy/kafka/pom.xml`; a wheel carries the same file as shared data. The name of the
jars' folder contains a digest of that file, so that another version of Kafka has another folder. The folder
is created by a rename: it is complete or does not exist.
"""

import hashlib
import re
import shutil
import subprocess
import sysconfig
import tempfile
from pathlib import Path

from streams.errors import JarsError, JavaMissingError, MavenMissingError

OLDEST = 17
"""Kafka 4 brokers need Java 17 (KIP-1013)."""


def find_java() -> str:
    """Return the path of a `java` that can run the broker.

    Raises
    ------
    JavaMissingError
        There is none on PATH, or it is older than :data:`OLDEST`.
    """
    advice = f"install Java {OLDEST} or newer (Debian: openjdk-17-jre-headless) and put it on PATH"
    java = shutil.which("java")
    if java is None:
        what = "no Java found"
        raise JavaMissingError(what, why="there is no `java` on PATH", next_step=advice)
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    found = major_version(answer.stderr)
    if found < OLDEST:
        what = f"{java} is too old"
        raise JavaMissingError(what, why=f"it is Java {found or '?'}", next_step=advice)
    return java


def major_version(text: str) -> int:
    """Return the major version from the output of `java -version`; 0 if there is none.

    Examples
    --------
    >>> major_version('openjdk version "17.0.15" 2025-04-15')
    17
    >>> major_version('java version "1.8.0_402"')
    8
    >>> major_version("command not found")
    0
    """
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else 0


POM_IN_CHECKOUT = Path("deploy/kafka/pom.xml")
"""Path of the list of jars in a checkout."""

POM_IN_INSTALLATION = Path("share/nearline/kafka/pom.xml")
"""Path of the list of jars below the environment's prefix."""

TIMEOUT_S = 600
"""Longest wait for Maven, in seconds: it fetches about 90 MB."""


def find_pom() -> Path:
    """Return the list of jars: that of the checkout, else that of the wheel."""
    checkout = Path(__file__).resolve().parents[3] / POM_IN_CHECKOUT
    return checkout if checkout.exists() else Path(sysconfig.get_path("data")) / POM_IN_INSTALLATION


def folder_of_jars(cache_dir: Path) -> Path:
    """Return the folder of the jars of this version, whether or not it exists."""
    digest = hashlib.sha256(find_pom().read_bytes()).hexdigest()
    return cache_dir / f"kafka-jars-{digest[:12]}"


def resolve(cache_dir: Path) -> Path:
    """Return the folder with the broker's jars; fetch them if it does not exist.

    Raises
    ------
    MavenMissingError
        The jars are not cached and there is no `mvn`.
    JarsError
        Maven failed; the message ends with its error.
    """
    target = folder_of_jars(cache_dir)
    if target.is_dir():
        return target
    maven = shutil.which("mvn")
    if maven is None:
        what, why = "the jars of Apache Kafka are not in the cache", "there is no `mvn` on PATH to fetch them"
        advice = "install Maven (Debian: maven), or use the embedded broker"
        raise MavenMissingError(what, why=why, next_step=advice)
    cache_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_dir, prefix=".fetching-") as scratch:
        _fetch(maven, Path(scratch))
        _publish(Path(scratch) / "jars", target)
    return target


def _fetch(maven: str, scratch: Path) -> None:
    """Let Maven copy every jar of the list into a folder below `scratch`."""
    pom = shutil.copy(find_pom(), scratch / "pom.xml")
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={scratch / 'jars'}"]
    command = [maven, "-q", "-B", "-f", str(pom), *goal]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command
            command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        what = "Maven did not finish fetching the jars of Apache Kafka"
        raise JarsError(what, why=f"{TIMEOUT_S} s passed", next_step="check the network, repeat") from None
    if done.returncode != 0:
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("[ERROR]")]
        what, why = "Maven could not fetch the jars of Apache Kafka", f"mvn ended with code {done.returncode}"
        advice = "check the network, the proxy and Maven's settings.xml, then repeat"
        raise JarsError(what, why=errors[0] if errors else why, next_step=advice)


def _publish(fetched: Path, target: Path) -> None:
    """Rename the folder to its final name; another process may have done so with the same jars."""
    try:
        fetched.rename(target)
    except OSError:
        if not target.is_dir():
            raise
