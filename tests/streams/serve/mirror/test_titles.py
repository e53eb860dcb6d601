"""The directory of titles: what it holds of titles that come and go."""

from schemas import Title
from schemas.codec import encode
from streams.serve.mirror.titles import TitleDirectory


def test_a_title_that_catalog_and_model_have_dropped_leaves_nothing() -> None:
    """A catalog that is another one every night takes no more memory, whichever of the two drops it first."""
    directory = TitleDirectory()
    for night in range(20):
        ids = [f"{night}-{n}" for n in range(10)]
        keys = [title_id.encode() for title_id in ids]
        directory.on_catalog([(key, encode(Title(title_id=one))) for key, one in zip(keys, ids, strict=True)])
        directory.on_model([(key, b"row") for key in keys[:6]])
        assert all(title_id in directory for title_id in ids)
        directory.on_model([(key, None) for key in keys[:3]])  # evicted, then withdrawn
        directory.on_catalog([(key, None) for key in keys])
        assert [title_id in directory for title_id in ids] == [False] * 3 + [True] * 3 + [False] * 4
        directory.on_model([(key, None) for key in keys[3:6]])  # withdrawn, then evicted
    assert len(directory._ids) == len(directory._in_model) == len(directory) == 0
