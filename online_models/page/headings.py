"""Pages as messages have them: shelves with their headings, items with their reasons, categories."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from online_models.page.layout import Pages
from online_models.page.messages import Messages
from online_models.page.shelf_kinds import KINDS, REASONS
from online_models.tables.codes import CONTINUE_WATCHING, EXPLORE, NO_SHELF, NOT_DRAWN, TAG_SHELF
from online_models.tables.layout import F4, I4
from schemas.pages import Category, Item, Row

__all__ = ["DECIMALS", "PageDecoder", "hundredths", "last_propensity"]

DECIMALS = 4
"""Decimals of a score on the wire."""


def hundredths(part: F4) -> I4:
    """Return shares in hundredths, the precision of categories.

    Examples
    --------
    >>> hundredths(np.array([0.256, 1.0], np.float32)).tolist()
    [26, 100]
    """
    out: I4 = np.rint(100.0 * part).astype(np.int32)
    return out


def last_propensity(drawn: int, share: float) -> float | None:
    """Return the propensity of a list's last title; None if it was certain.

    Parameters
    ----------
    drawn
        Titles that it was drawn from, or ``NOT_DRAWN``, or 0 (`online_models.tables.layout.Lists`).
    share
        Share of lists whose last title is drawn.

    Examples
    --------
    >>> last_propensity(40, 0.2), last_propensity(-1, 0.2), last_propensity(0, 0.2)
    (0.005, 0.8, None)
    """
    if drawn == NOT_DRAWN:
        return 1.0 - share
    return share / drawn if drawn else None


class PageDecoder:
    """Turns pages of kernels into shelves as messages have them, in any language.

    Parameters
    ----------
    ids
        Title ids by row.
    name_of
        Returns the name of a title by its row (`TitleFacts.name`); one without a name goes by its id.
    tags
        Tags by number, as ``kind:value``.

    Examples
    --------
    >>> from online_models.page.messages import messages
    >>> decoder = PageDecoder(["a"], {0: "Alien"}.get, ["pace:slow", "genre:Horror"])
    >>> row = decoder.head(7, [1, 0, -1, -1], messages("en"))
    >>> row.title, row.tags, row.reason
    ('Slow-paced horror films', ('pace:slow', 'genre:Horror'), <ItemReason.TASTE: 'taste'>)
    """

    def __init__(self, ids: Sequence[str], name_of: Callable[[int], str | None], tags: Sequence[str]) -> None:
        self.ids, self.name_of, self.tags = ids, name_of, tags

    def head(self, kind: int, arg: Sequence[int], messages: Messages) -> Row:
        """Return a shelf without titles: kind, heading, seed or tags, and reason."""
        plain, said = KINDS[kind], [one for one in arg if one >= 0]
        labels: tuple[str, ...] = ()
        seed = name = None
        if kind == TAG_SHELF:
            parts = messages.parts([self.tags[tag] for tag in said])
            labels = tuple(f"{part.kind}:{part.value}" for part in parts)
        elif said:
            seed = self.ids[said[0]]
            name = self.name_of(said[0]) or seed
        heading = messages.heading(plain.wire, name or "", labels)
        return Row(kind=plain.wire, title=heading, title_id=seed, tags=labels, reason=plain.reason, items=())

    def because(self, number: int) -> str | None:
        """Return what a reason refers to (`online_models.page.layout.Pages.because`)."""
        if number == -1:
            return None
        return self.ids[number] if number >= 0 else self.tags[-2 - number]

    @staticmethod
    def _progress(pages: Pages, q: int, kind: int, k: int) -> dict[str, Any]:
        """Return how far a title of continue watching was watched."""
        if kind != CONTINUE_WATCHING or pages.progress[q, k] < 0:
            return {}
        share = round(float(pages.progress[q, k]), DECIMALS)
        return {"progress": share, "left_s": int(pages.left[q, k])}

    def category(self, tag: int, messages: Messages) -> tuple[str, str]:
        """Return the tag of a category and its name."""
        label = self.tags[tag]
        return label, messages.named([label])

    def categories(self, pages: Pages, q: int, messages: Messages) -> tuple[Category, ...]:
        """Return the categories of the ``q``-th page, those that the viewer watches most first."""
        pairs = zip(pages.category[q].tolist(), hundredths(pages.category_share[q]).tolist(), strict=True)
        named = ((*self.category(tag, messages), part) for tag, part in pairs if tag >= 0)
        return tuple(Category(tag=label, title=name, score=part / 100) for label, name, part in named)

    def rows(self, pages: Pages, q: int, messages: Messages, explored: float = 1.0) -> tuple[Row, ...]:
        """Return the shelves of the ``q``-th page, top to bottom.

        `explored` is the share of viewers whose page explores, or of lists whose last title is drawn:
        propensities are multiplied by it.
        """
        out, drawn = [], int(pages.candidates[q])
        last = last_propensity(drawn, explored) if pages.kind.shape[1] == 1 else None
        for r, kind in enumerate(pages.kind[q].tolist()):
            if kind == NO_SHELF:
                break
            head = self.head(kind, pages.arg[q, r].tolist(), messages)
            chance = explored / drawn if kind == EXPLORE else None
            columns = (
                pages.title[q, r].tolist(),
                pages.score[q, r].tolist(),
                pages.reason[q, r].tolist(),
                pages.because[q, r].tolist(),
            )
            items = tuple(
                Item(
                    title_id=self.ids[title],
                    score=round(score, DECIMALS),
                    because=self.because(because),
                    **self._progress(pages, q, kind, k),
                    reason=None if REASONS[reason] is head.reason else REASONS[reason],
                    propensity=last if k == pages.title.shape[2] - 1 and last else chance,
                )
                for k, (title, score, reason, because) in enumerate(zip(*columns, strict=True))
                if title >= 0
            )
            out.append(
                Row(
                    kind=head.kind,
                    title=head.title,
                    title_id=head.title_id,
                    tags=head.tags,
                    reason=head.reason,
                    items=items,
                )
            )
        return tuple(out)
