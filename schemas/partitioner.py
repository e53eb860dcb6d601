"""The partitioner that every producer must use: murmur2, as Java's producer does by default.

All events of a viewer must be in one partition, and the viewer's state and home page in the partition with
the same number. Java, Kafka Streams, Kafka Connect, aiokafka and kafkajs hash keys this way by default;
librdkafka and the clients built on it (confluent-kafka for Python, Go, .NET, Node) need
``partitioner=murmur2_random``. ``schemas/contracts/murmur2.json`` has golden vectors for the tests of a
producer in any language.
"""

from typing import Final

__all__ = ["murmur2", "partition_for"]

_SEED: Final = 0x9747B28C
_MIX: Final = 0x5BD1E995
_SHIFT: Final = 24
_MASK: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF
# seed, multiplier, shift and mask: org.apache.kafka.common.utils.Utils.murmur2 and Utils.toPositive, Apache
# Kafka


def murmur2(key: bytes) -> int:
    """Hash a key as Kafka's Java client does.

    Parameters
    ----------
    key
        Any bytes; a viewer id in UTF-8.

    Returns
    -------
    int
        Unsigned, 0 to 2^32 - 1 (Java's ``int`` is the same 32 bits, signed).

    Examples
    --------
    >>> murmur2(b"21")
    3321034988
    """
    length = len(key)
    whole = length & ~3
    h = _SEED ^ length
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * _MIX & _MASK
        k = (k ^ k >> _SHIFT) * _MIX & _MASK
        h = h * _MIX & _MASK ^ k
    if length != whole:
        h = (h ^ int.from_bytes(key[whole:], "little")) * _MIX & _MASK
    h = (h ^ h >> 13) * _MIX & _MASK
    return h ^ h >> 15


def partition_for(key: bytes, partitions: int) -> int:
    """Return the partition of a key.

    Parameters
    ----------
    key
        The record's key.
    partitions
        Number of partitions of the topic, at least 1.

    Returns
    -------
    int
        ``(murmur2(key) & 0x7fffffff) mod partitions``.

    Examples
    --------
    >>> partition_for(b"v-000123", 4)
    0
    """
    return (murmur2(key) & _POSITIVE) % partitions
