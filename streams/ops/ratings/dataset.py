"""What a reader yields: ratings in columns, and the titles that were found beside them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from online_models.evaluation import Ratings
from schemas.catalog import Availability, Tags, Title

__all__ = ["Dataset", "TitleFacts"]

FIRST_YEAR, LAST_YEAR = 1880, 2100
"""Years that a catalog record takes: the oldest surviving film is of 1888."""


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

    def to_title(self, title_id: str, opens_ms: int | None = None) -> Title:
        """Return the record of the catalog topic; a year becomes its first of January, and a decade.

        Examples
        --------
        >>> title = TitleFacts("Glass Harbour", ("Drama",), 1996).to_title("30")
        >>> title.tag_labels(), title.release_ms
        (['genre:Drama'], 820454400000)
        """
        year = self.year if self.year and FIRST_YEAR <= self.year < LAST_YEAR else None
        release = datetime(year, 1, 1, tzinfo=UTC) if year else None
        return Title(
            title_id=title_id,
            name=self.name[:256] or None,
            release_ms=int(release.timestamp() * 1000) if release else None,
            tags=Tags(genre=self.genres),
            availability=Availability(start_ms=opens_ms),
        )


NO_FACTS = TitleFacts("")
"""Of a title that no file describes."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Ratings, and facts about titles by id (empty where no file lies beside the ratings)."""

    ratings: Ratings
    titles: dict[str, TitleFacts] = field(default_factory=dict)

    def catalog(self, opens_ms: Mapping[str, int] | None = None) -> Iterator[Title]:
        """Yield a catalog record for every rated title, in the order of first rating; unknown ones bare.

        Parameters
        ----------
        opens_ms
            From when titles may be shown, by id; others always.
        """
        opens = opens_ms or {}
        for title_id in self.ratings.title_ids:
            yield self.titles.get(title_id, NO_FACTS).to_title(title_id, opens.get(title_id))
