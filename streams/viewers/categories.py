"""Categories of pages as bytes: each made once for a language and a score of two decimals, and kept."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Final

import msgspec

from online_models.catalogue import Catalogue
from online_models.kernels.page.layout import Pages
from online_models.page.phrases import messages
from online_models.page.words import Wording, hundredths
from schemas.lists import Category

__all__ = ["CategoryTexts"]

_KEPT: Final = 20_000
"""Texts kept at most, 2 MB: forty categories in two languages are 8,000."""
_END: Final = b"]}"


class CategoryTexts:
    """What follows the rows of a page.

    Parameters
    ----------
    catalogue
        Names of the tags.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._kept: dict[tuple[int, int, str], bytes] = {}

    def ends(self, pages: Pages, languages: Sequence[str]) -> Iterator[bytes]:
        """Yield the end of each page: of its rows, and its categories, if it has any."""
        parts = hundredths(pages.part).tolist()
        for language, tags, theirs in zip(languages, pages.category.tolist(), parts, strict=True):
            said = []
            for tag, part, spoken in zip(tags, theirs, repeat(language), strict=False):
                if tag < 0:
                    break
                said.append(self._kept.get((tag, part, spoken)) or self._text(tag, part, spoken))
            yield b'],"categories":[%b]}' % b",".join(said) if said else _END

    def _text(self, tag: int, part: int, language: str) -> bytes:
        label, name = Wording((), {}, self._catalogue.tag_names).category(tag, messages(language))
        if len(self._kept) >= _KEPT:
            self._kept.clear()
        text = msgspec.json.encode(Category(tag=label, title=name, score=part / 100))
        self._kept[tag, part, language] = text
        return text
