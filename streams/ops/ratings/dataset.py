"""A dataset: ratings in columns, and facts about their titles."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from online_models.evaluation import Ratings
from schemas.catalog import Availability, Tags, Title

__all__ = ["Dataset", "TitleFacts"]

FIRST_YEAR, LAST_YEAR = 1880, 2100
"""Range of release years that is accepted: the oldest surviving film is from 1888."""


@dataclass(frozen=True, slots=True)
class TitleFacts:
    """Facts about a title in a file.

    Attributes
    ----------
    name
        As in the file, without the year in brackets.
    genres
        As in the file.
    year
        Year of release, if known.
    """

    name: str
    genres: tuple[str, ...] = ()
    year: int | None = None

    def to_title(self, title_id: str, opens_ms: int | None = None) -> Title:
        """Return the record for the catalog topic; the release date is the first of January of the year.

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
"""Facts of a title that no file describes."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Ratings, and facts about titles by id (empty if there is no file of titles)."""

    ratings: Ratings
    titles: dict[str, TitleFacts] = field(default_factory=dict)

    def catalog(self, opens_ms: Mapping[str, int] | None = None) -> Iterator[Title]:
        """Yield a catalog record for every rated title, in the order of first rating.

        Parameters
        ----------
        opens_ms
            Start of the availability by id; other titles are always available.
        """
        opens = opens_ms or {}
        for title_id in self.ratings.title_ids:
            yield self.titles.get(title_id, NO_FACTS).to_title(title_id, opens.get(title_id))
