"""Keys go where Java would send them."""

import json

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from schemas.contract_tools import contracts
from schemas.partitioner import murmur2, partition_for

VECTORS = json.loads((contracts.FOLDER / "murmur2.json").read_bytes())["vectors"]


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_kafkas_own_test_vectors(key: bytes, signed: int) -> None:
    """The vectors of Apache Kafka's UtilsTest hold; Java's int is signed, ours is not."""
    assert murmur2(key) == signed % 2**32


@given(st.binary(max_size=300))
def test_another_implementation_agrees(key: bytes) -> None:
    """The hash of aiokafka, written by others, is the same for any bytes."""
    assert murmur2(key) == aiokafka_murmur2(key) % 2**32


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["key_hex"][:24])
def test_the_golden_vectors_hold(vector: dict[str, object]) -> None:
    """What producers in other languages test against is what we do."""
    key = bytes.fromhex(str(vector["key_hex"]))
    assert vector["key"] in {None, key.decode(errors="replace")}
    assert murmur2(key) == vector["murmur2"] == aiokafka_murmur2(key) % 2**32
    assert {count: partition_for(key, int(count)) for count in ("4", "12", "24")} == vector["partitions"]


@given(st.binary(max_size=40), st.integers(1, 1000))
def test_a_partition_exists(key: bytes, partitions: int) -> None:
    """Every key has a partition, and it is one of those that there are."""
    assert 0 <= partition_for(key, partitions) < partitions


def test_keys_spread_evenly() -> None:
    """Viewer ids that differ in a counter only fill four partitions within 10 % of each other."""
    counts = [0, 0, 0, 0]
    for n in range(20_000):
        counts[partition_for(b"v-%06d" % n, 4)] += 1
    assert max(counts) / min(counts) < 1.1
