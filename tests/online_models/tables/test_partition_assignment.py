"""Many keys are put where one by one each would be."""

from hypothesis import given
from hypothesis import strategies as st

from online_models.tables.partition_assignment import partitions_for
from schemas.partitioner import partition_for


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 1_000))
def test_a_batch_is_placed_as_its_keys_are(keys: list[bytes], partitions: int) -> None:
    """Any bytes, none included, whatever stands beside them."""
    assert partitions_for(keys, partitions).tolist() == [partition_for(key, partitions) for key in keys]
