"""Servers on the embedded cluster: one for all who only read, one on a real port, fresh ones."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from streams.config.settings import ServeSettings
from streams.ops.local_kafka.embedded import EmbeddedCluster
from streams.serve.api.posting import EventPoster
from streams.serve.mirror.mirror import Mirror
from streams.serve.server import Server, bound, build_app
from tests.streams.serve.stand import Stand, caught_up


@contextmanager
def filled(stand: Stand, *, model: bool = True) -> Iterator[Mirror]:
    """Fill a cluster, its title model included or not, and give a mirror of it that has caught up."""
    stand.fill(model=model)
    mirror = stand.mirror()
    mirror.start()
    try:
        caught_up(mirror)
        yield mirror
    finally:
        mirror.stop()


@contextmanager
def served(stand: Stand, *, model: bool = True) -> Iterator[TestClient]:
    """Serve a filled cluster, and give a client."""
    with filled(stand, model=model) as mirror:
        app = build_app(mirror, EventPoster(stand.settings), stand.metrics)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            yield client


@pytest.fixture
def stand(embedded: EmbeddedCluster, tmp_path: Path) -> Stand:
    """Give a cluster with the product's topics, empty."""
    return Stand(embedded, tmp_path)


@pytest.fixture(scope="module")
def shared_stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Give a cluster with the product's topics, empty: for servers that the tests of a module share."""
    with EmbeddedCluster() as cluster:
        yield Stand(cluster, tmp_path_factory.mktemp("shared"))


@pytest.fixture
def client(stand: Stand) -> Iterator[TestClient]:
    """Give a client of a server of its own, which has caught up with a filled cluster."""
    with served(stand) as client:
        yield client


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Give a client of a server that the tests of a module share which change nothing.

    Of a module and not of a process, since its mirror polls seven topics for as long as it lives.
    """
    with EmbeddedCluster() as cluster, served(Stand(cluster, tmp_path_factory.mktemp("serve"))) as client:
        yield client


@contextmanager
def listening_server(folder: Path, **serve: object) -> Iterator[tuple[str, Stand]]:
    """Give the address of a server that really listens, and the filled cluster behind it."""
    with EmbeddedCluster() as cluster:
        stand = Stand(cluster, folder)
        stand.settings = stand.settings.model_copy(update={"serve": ServeSettings.model_validate(serve)})
        with filled(stand) as mirror, bound("127.0.0.1", 0) as listening:
            server = Server(build_app(mirror, EventPoster(stand.settings), stand.metrics), mirror)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
            thread.start()
            try:
                yield f"http://127.0.0.1:{listening.getsockname()[1]}", stand
            finally:
                server.end()
                thread.join()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Stand]]:
    """Give the address of a server that the tests of a module share, and what is behind it.

    A test may write what no other one looks at: pages of a viewer of its own, an experiment of its own.
    """
    with listening_server(tmp_path_factory.mktemp("served")) as served:
        yield served


@pytest.fixture(scope="module")
def address(site: tuple[str, Stand]) -> str:
    """Give the address of the server that the tests of a module share."""
    return site[0]


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[tuple[str, Stand]]:
    """Give the address of a server of its own, and what is behind it."""
    with listening_server(tmp_path) as served:
        yield served
