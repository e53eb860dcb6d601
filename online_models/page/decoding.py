"""Pages in words: rows as the contract has them."""

from collections.abc import Mapping, Sequence

import numpy as np

from online_models.page.headings import Messages
from online_models.page.layout import Pages
from online_models.page.shelf_kinds import KINDS, REASONS
from online_models.tables.codes import EXPLORE, NO_ROW, NOT_DRAWN, TAGS
from online_models.tables.layout import F4, I4
from schemas.pages import Category, Item, Row

__all__ = ["Wording", "hundredths", "last_chance"]

DECIMALS = 4
"""Of a score on the wire: as many as lists always had."""


def hundredths(part: F4) -> I4:
    """Return parts of 1 in hundredths: categories say no more.

    Examples
    --------
    >>> hundredths(np.array([0.256, 1.0], np.float32)).tolist()
    [26, 100]
    """
    out: I4 = np.rint(100.0 * part).astype(np.int32)
    return out


def last_chance(drawn: int, share: float) -> float | None:
    """Return with what probability the last title of a list stands there; None: it was sure to.

    Parameters
    ----------
    drawn
        Titles that it was drawn from, or ``NOT_DRAWN``, or 0 (`online_models.tables.layout.Lists`).
    share
        Of lists whose last title is drawn.

    Examples
    --------
    >>> last_chance(40, 0.2), last_chance(-1, 0.2), last_chance(0, 0.2)
    (0.005, 0.8, None)
    """
    if drawn == NOT_DRAWN:
        return 1.0 - share
    return share / drawn if drawn else None


class Wording:
    """What rows are called, and what they hold, in any language.

    Parameters
    ----------
    ids
        Title ids by row.
    names
        Names by row, of titles that have one; others go by their id.
    tags
        Tags by number, as ``kind:value``.

    Examples
    --------
    >>> from online_models.page.headings import messages
    >>> wording = Wording(["a"], {0: "Alien"}, ["pace:slow", "genre:Horror"])
    >>> row = wording.head(7, [1, 0, -1, -1], messages("en"))
    >>> row.title, row.tags, row.reason
    ('Slow-paced horror films', ('pace:slow', 'genre:Horror'), <ItemReason.TASTE: 'taste'>)
    """

    def __init__(self, ids: Sequence[str], names: Mapping[int, str], tags: Sequence[str]) -> None:
        self.ids, self.names, self.tags = ids, names, tags

    def head(self, kind: int, arg: Sequence[int], messages: Messages) -> Row:
        """Return a row without titles: what it is, how it is called, and why its titles are there."""
        plain, said = KINDS[kind], [one for one in arg if one >= 0]
        labels: tuple[str, ...] = ()
        seed = name = None
        if kind == TAGS:
            parts = messages.parts([self.tags[tag] for tag in said])
            labels = tuple(f"{part.kind}:{part.value}" for part in parts)
        elif said:
            seed = self.ids[said[0]]
            name = self.names.get(said[0], seed)
        heading = messages.heading(plain.wire, name or "", labels)
        return Row(kind=plain.wire, title=heading, title_id=seed, tags=labels, reason=plain.reason, items=())

    def category(self, tag: int, messages: Messages) -> tuple[str, str]:
        """Return a category's tag and its name."""
        label = self.tags[tag]
        return label, messages.named([label])

    def categories(self, pages: Pages, q: int, messages: Messages) -> tuple[Category, ...]:
        """Return the categories of the ``q``-th page, those that the viewer watches most first."""
        pairs = zip(pages.category[q].tolist(), hundredths(pages.part[q]).tolist(), strict=True)
        named = ((*self.category(tag, messages), part) for tag, part in pairs if tag >= 0)
        return tuple(Category(tag=label, title=name, score=part / 100) for label, name, part in named)

    def rows(self, pages: Pages, q: int, messages: Messages, explored: float = 1.0) -> tuple[Row, ...]:
        """Return the rows of the ``q``-th page, top to bottom; `explored` as `PageEncoder.encode` has it."""
        out, drawn = [], int(pages.candidates[q])
        last = last_chance(drawn, explored) if pages.kind.shape[1] == 1 else None
        for r, kind in enumerate(pages.kind[q].tolist()):
            if kind == NO_ROW:
                break
            head = self.head(kind, pages.arg[q, r].tolist(), messages)
            chance = explored / drawn if kind == EXPLORE else None
            columns = (pages.title[q, r].tolist(), pages.score[q, r].tolist(), pages.reason[q, r].tolist())
            items = tuple(
                Item(
                    title_id=self.ids[title],
                    score=round(score, DECIMALS),
                    reason=None if REASONS[reason] is head.reason else REASONS[reason],
                    propensity=last if k == pages.title.shape[2] - 1 and last else chance,
                )
                for k, (title, score, reason) in enumerate(zip(*columns, strict=True))
                if title >= 0
            )
            out.append(
                Row(
                    kind=head.kind, title=head.title, title_id=head.title_id, tags=head.tags,
                    reason=head.reason, items=items,
                )
            )  # fmt: skip
        return tuple(out)
