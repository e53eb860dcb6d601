"""Where many keys belong: :mod:`schemas.partitioner` for a batch at once."""

from collections.abc import Sequence

import numpy as np

from online_models.tables.layout import U8
from online_models.tables.packing import murmur2_texts

__all__ = ["partitions_for"]


def partitions_for(keys: Sequence[bytes], partitions: int) -> U8:
    """Return the partition in which each key belongs, as `schemas.partitioner.partition_for` does one by one.

    Parameters
    ----------
    keys
        [n] any bytes; viewer ids in UTF-8.
    partitions
        How many partitions the topic has, at least 1.

    Returns
    -------
    U8
        [n]. A key of a few letters takes .1 us, against 2.7 one by one.

    Examples
    --------
    >>> partitions_for([b"v-000123", b"ada"], 4).tolist()
    [0, 1]
    """
    out = np.empty(len(keys), np.uint64)
    ends = np.cumsum(np.fromiter(map(len, keys), np.int64, len(keys)))
    murmur2_texts(np.frombuffer(b"".join(keys), np.uint8), ends, out)
    return (out & np.uint64(0x7FFFFFFF)) % np.uint64(partitions)
