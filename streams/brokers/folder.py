"""The folder of a local cluster: its identity and shape, written down once and respected ever after."""

import base64
import uuid
from pathlib import Path
from typing import Self

import msgspec

from streams.brokers.properties import LOG4J2
from streams.errors import SettingsError


class Shape(msgspec.Struct, frozen=True):
    """What a folder says about its cluster."""

    cluster_id: str
    nodes: int
    port: int

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the shape of the cluster in a folder, None when there is none."""
        try:
            return msgspec.json.decode((folder / "cluster.json").read_bytes(), type=cls)
        except FileNotFoundError:
            return None

    def write(self, folder: Path) -> None:
        """Write the shape and the Java log configuration into a folder, made when missing."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cluster.json").write_bytes(msgspec.json.encode(self))
        log_configuration(folder).write_text(LOG4J2, encoding="utf-8")


def claim(folder: Path, *, nodes: int, port: int) -> Shape:
    """Make a folder the home of a cluster, or confirm that it is.

    Raises
    ------
    SettingsError
        It holds a cluster with another number of nodes: copies and voters cannot be changed by restarting.
    """
    made = Shape.read(folder)
    if made is not None and made.nodes != nodes:
        what = f"{folder} holds a cluster of {made.nodes} node(s), not {nodes}"
        advice = f"give --nodes {made.nodes} or another --dir, or delete the folder"
        raise SettingsError(what, next_step=advice)
    shape = Shape(made.cluster_id if made else new_cluster_id(), nodes, port)
    shape.write(folder)
    return shape


def log_configuration(folder: Path) -> Path:
    """Return where the Java log configuration of a cluster is."""
    return folder / "log4j2.properties"


def new_cluster_id() -> str:
    """Draw an id as Kafka's own tool does: a random UUID in base64 without a leading dash.

    Examples
    --------
    >>> len(new_cluster_id())
    22
    """
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text
