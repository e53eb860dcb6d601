"""The broker's disk is full: nobody gets an answer, nothing is lost, and it goes on when there is room."""

import random
import resource
from contextlib import ExitStack
from pathlib import Path

import pytest

from streams.config.settings import Settings
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.runs.worker_process import cluster_port
from tests.conftest import Nearline, run_cluster
from tests.integration.arena import Arena


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.nightly
def test_disk_of_the_broker_full(topic_prefix: str, tmp_path: Path, nearline: Nearline) -> None:
    """No file of the broker may grow by a byte any more, as on a full disk; then it is started anew."""
    cluster = KafkaCluster(tmp_path / "kafka", port=cluster_port(), cache_dir=Settings().cache_dir)
    with run_cluster(cluster), ExitStack() as stack:
        arena = Arena(cluster.bootstrap_servers, topic_prefix, tmp_path, random.Random(7), nearline)
        arena.create_topics()
        stack.callback(lambda: arena.kill(0))
        arena.start(0)
        arena.feed(1_000)
        arena.settle(revive=False)
        node = cluster.nodes[0]
        pid = cluster.pid(node)
        assert pid
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, most))
        arena.feed(2_000)
        arena.await_that(lambda: cluster.pid(node) is None)
        cluster.start()
        arena.settle()
        arena.verify()
