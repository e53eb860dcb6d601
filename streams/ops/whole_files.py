"""Files that are complete or not there: written beside their place, and moved."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["whole"]


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give a path to write to, and move the file to its place in the end, unless the block has raised.

    The name begins with an underscore: readers of folders of Parquet files skip such files.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.json"
    >>> with whole(path) as part:
    ...     _ = part.write_text("{}"), path.exists()
    >>> path.read_text(), [one.name for one in path.parent.iterdir()]
    ('{}', ['a.json'])
    """
    part = path.with_name(f"_{path.name}.part")
    yield part
    part.replace(path)
