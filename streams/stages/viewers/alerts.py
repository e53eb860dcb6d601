"""Alerts: that a new title is one for this viewer, once for a viewer and title, few a week.

They come out of the score row that a page is made of (`online_models.page.alerts`), under its guards,
whenever the viewer's page is computed: a viewer who does nothing gets none, and nobody is scanned. Which
titles a viewer was told of is a small row of the partition (:data:`streams.stages.wire.partition_rows.ALERTED`),
there for those who were told of something, and written in the transaction that publishes the alert: what is
told is remembered, and the reverse.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from online_models.catalog.catalog import Catalog
from online_models.catalog.languages import DEFAULT, language_of
from online_models.page.decoding import DECIMALS
from online_models.page.headings import messages
from online_models.page.layout import Pages
from online_models.page.shelf_kinds import REASONS
from online_models.tables.layout import DAY_MS, U8
from schemas import topics
from schemas.codec import encode
from schemas.fields import ItemReason
from schemas.pages import Alert, Source, alert_id
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Row, StateView
from streams.stages.viewers.page_bytes import Cause
from streams.stages.wire.partition_rows import ALERTED
from streams.telemetry.metrics import Metrics

__all__ = ["KEPT", "Alerts"]

KEPT: Final = 256
"""Alerts of a viewer that are remembered, the newest: two and a half years at two a week. More than a title
can be new for, whatever the settings; one that is licensed anew after so many others may be told of again."""
WEEK_MS: Final = 7 * DAY_MS
MOST_TEXT: Final = 256


class Alerts:
    """The alerts of one source partition.

    Parameters
    ----------
    store
        The partition's rows.
    settings
        Topics, and how many alerts a week.
    catalog
        Names of the titles, and since when they are there.
    partition
        Of the events.
    metrics
        Where alerts are counted.
    """

    def __init__(
        self, store: StateView, settings: Settings, catalog: Catalog, *, partition: int, metrics: Metrics
    ) -> None:
        self._store, self._catalog, self._metrics = store, catalog, metrics
        self._page, self._provenance = settings.page, settings.provenance
        self._source = settings.topic(topics.EVENTS), partition
        self._target = settings.topic(topics.ALERTS), partition
        self._told: dict[str, U8] = {}

    def begin(self) -> None:
        """Begin a step: what the one before told is in the store."""
        self._told.clear()

    def forget(self, viewer_id: str) -> Row:
        """Forget what a viewer was told of; return the row's deletion."""
        self._told[viewer_id] = np.zeros(0, np.uint64)
        return ALERTED.no_row(viewer_id)

    def send(self, pages: Pages, causes: Sequence[Cause], languages: Sequence[int], out: Outcome) -> None:
        """Put alerts into an outcome, the first untold title of each page, and what is remembered.

        Parameters
        ----------
        pages
            [n]
        causes
            What made each page necessary.
        languages
            Code of each reader's language, 0 where unknown.
        out
            Gets them.
        """
        titles, size = self._catalog.titles, len(self._catalog.titles)
        due = np.flatnonzero((pages.alert >= 0).any(axis=1)).tolist()
        since = self._catalog.facts.since(size) if due else np.zeros(0, np.int64)
        for q in due:
            cause, rows = causes[q], pages.alert[q][pages.alert[q] >= 0]
            told = self._told_to(cause.viewer_id)
            k = self._first_untold(told, titles.arrays.key[rows], cause.time_ms)
            if k is None or not titles.ids[rows[k]]:
                continue
            fit = pages.alert_score[q, k], pages.alert_above[q, k], REASONS[pages.alert_reason[q, k]]
            alert = self._alert(int(rows[k]), int(since[rows[k]]), fit, cause, language_of(languages[q]))
            message: Message = {"key": cause.viewer_id.encode(), "value": encode(alert)}
            out.outputs.setdefault(self._target, []).append(message)
            now = np.array([titles.arrays.key[rows[k]], cause.time_ms], np.uint64)
            told = self._told[cause.viewer_id] = np.concatenate((told, now))[-2 * KEPT :]
            out.rows.append(ALERTED.row(told, cause.viewer_id))
            self._metrics.alerts.inc()

    def _told_to(self, viewer_id: str) -> U8:
        """Return the titles that a viewer was told of and when, by turns, oldest first."""
        told = self._told.get(viewer_id)
        return ALERTED.read(self._store, viewer_id) if told is None else told

    def _first_untold(self, told: U8, keys: U8, now_ms: int) -> int | None:
        """Return the first title to tell of; None where there is none, or a week's alerts are used up."""
        lately = np.count_nonzero(told[1::2].astype(np.int64) > now_ms - WEEK_MS)
        untold = np.flatnonzero(~np.isin(keys, told[::2]))
        return int(untold[0]) if untold.size and lately < self._page.alerts_per_week else None

    def _alert(
        self, row: int, since_ms: int, fit: tuple[float, float, ItemReason], cause: Cause, language: str
    ) -> Alert:
        title_id, facts = self._catalog.titles.ids[row], self._catalog.facts
        score, above, reason = fit
        topic, partition = self._source
        return Alert(
            viewer_id=cause.viewer_id,
            alert_id=alert_id(cause.viewer_id, title_id),
            title_id=title_id,
            text=messages(language).alert.replace("{}", facts.names.get(row, title_id))[:MOST_TEXT],
            language=None if language == DEFAULT else language,
            reason=reason,
            score=round(float(score), DECIMALS),
            above=round(float(above), DECIMALS),
            since_ms=since_ms,
            generated_at_ms=cause.time_ms,
            expires_at_ms=since_ms + int(self._page.alert_days * DAY_MS),
            model_version=self._provenance,
            source=Source(topic=topic, partition=partition, offset=cause.offset),
        )
