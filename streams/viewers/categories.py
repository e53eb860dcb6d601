"""Categories of pages as bytes: each made once for a language and a score of two decimals, and kept."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from online_models.catalogue import Catalogue
from online_models.kernels.layout import I4, I8, U1
from online_models.kernels.page.layout import Pages
from online_models.page.phrases import messages
from online_models.page.words import Wording, hundredths
from schemas.lists import Category
from streams.viewers.texts import Texts

__all__ = ["CategoryTexts"]

_KEPT: Final = 20_000
"""Texts kept at most, 2 MB: forty categories in two languages are 8,000."""
_FIRST: Final = (b',"categories":[',)
"""What stands before a page's categories (`online_models.kernels.encode`)."""


class CategoryTexts:
    """What follows the rows of a page.

    Parameters
    ----------
    catalogue
        Names of the tags.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue, self._texts = catalogue, Texts(_FIRST)

    def flat(self) -> tuple[U1, I8]:
        """Return the texts, and where each begins and the last ends."""
        return self._texts.flat()

    def numbers(self, pages: Pages, languages: Sequence[str]) -> I4:
        """Return the number of each category's text, made if there is none yet; -1: there are no more."""
        if len(self._texts) > _KEPT:
            self._texts = Texts(_FIRST)
        out = np.full(pages.category.shape, -1, np.int32)
        q, c = np.nonzero(pages.category >= 0)
        tags, parts = pages.category[q, c].tolist(), hundredths(pages.part[q, c]).tolist()
        spoken = [languages[page] for page in q.tolist()]
        out[q, c] = self._texts.many(zip(tags, parts, spoken, strict=True), self._text)
        return out

    def _text(self, key: tuple[int, int, str]) -> bytes:
        tag, part, language = key
        label, name = Wording((), {}, self._catalogue.tag_names).category(tag, messages(language))
        return msgspec.json.encode(Category(tag=label, title=name, score=part / 100)) + b","
