"""Categories of pages as bytes: each made once for a language and a score of two decimals, and kept."""

from typing import Final

import msgspec
import numpy as np

from online_models.catalog.catalog import Catalog
from online_models.catalog.languages import LANGUAGES
from online_models.page.decoding import Wording, hundredths
from online_models.page.headings import messages
from online_models.page.layout import Pages
from online_models.tables.layout import I4, I8, U1
from schemas.pages import Category
from streams.stages.viewers.fragments import ShelfFragments

__all__ = ["CategoryFragments"]

_KEPT: Final = 20_000
"""Texts kept at most, 2 MB: forty categories in two languages are 8,000."""
_FIRST: Final = (b',"categories":[',)
"""What stands before a page's categories (`online_models.page.encoding`)."""


class CategoryFragments:
    """What follows the rows of a page.

    Parameters
    ----------
    catalog
        Names of the tags.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog, self._texts = catalog, ShelfFragments(_FIRST)

    def flat(self) -> tuple[U1, I8]:
        """Return the texts, and where each begins and the last ends."""
        return self._texts.flat()

    def numbers(self, pages: Pages, languages: I4) -> I4:
        """Return the number of each category's text, made if there is none yet; -1: there are no more.

        ``languages`` [n] are the readers', by their places in `LANGUAGES`.
        """
        if len(self._texts) > _KEPT:
            self._texts = ShelfFragments(_FIRST)
        out = np.full(pages.category.shape, -1, np.int32)
        q, c = np.nonzero(pages.category >= 0)
        said = np.column_stack((pages.category[q, c], hundredths(pages.part[q, c]), languages[q]))
        out[q, c] = self._texts.of_rows(said, self._text)
        return out

    def _text(self, row: list[int]) -> bytes:
        tag, part, language = row
        label, name = Wording((), {}, self._catalog.tag_names).category(tag, messages(LANGUAGES[language]))
        return msgspec.json.encode(Category(tag=label, title=name, score=part / 100)) + b","
