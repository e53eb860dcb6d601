"""What a reader yields: ratings in columns, and the titles that were found beside them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from online_models.evaluation import Ratings
from schemas.titles import Tags, Title
from streams.errors import StreamError

__all__ = ["Dataset", "RatingsError", "TitleFacts"]


class RatingsError(StreamError):
    """A file of ratings cannot be read: the caller's, who gives another file or mends the line named."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class TitleFacts:
    """What a file says of a title.

    Attributes
    ----------
    name
        As the file writes it, without the year in brackets.
    genres
        In the file's own words.
    year
        Year of release, where known.
    """

    name: str
    genres: tuple[str, ...] = ()
    year: int | None = None

    def to_title(self, title_id: str) -> Title:
        """Return the record of the catalogue topic; a year becomes its first of January."""
        release = datetime(self.year, 1, 1, tzinfo=UTC) if self.year and 1880 <= self.year < 2100 else None  # noqa: PLR2004
        return Title(
            title_id=title_id,
            name=self.name[:256] or None,
            release_ms=int(release.timestamp() * 1000) if release else None,
            tags=Tags(genre=self.genres),
        )


@dataclass(frozen=True, slots=True)
class Dataset:
    """Ratings, and facts about titles by id (empty where no file lies beside the ratings)."""

    ratings: Ratings
    titles: dict[str, TitleFacts] = field(default_factory=dict)

    def catalogue(self) -> Iterator[Title]:
        """Yield a catalogue record for every rated title, in the order of first rating; unknown ones bare."""
        for title_id in self.ratings.title_ids:
            facts = self.titles.get(title_id)
            yield facts.to_title(title_id) if facts else Title(title_id=title_id)
