"""Alerts about new titles: one per viewer and title, and a limited number a week.

Candidates come out of the score row of a page (`online_models.page.build`), under its guards, whenever a
page is made: a viewer without events gets none, and no viewers are scanned. The alerts that a viewer was sent
are a small row of the partition (:data:`streams.stages.wire.partition_rows.ALERTED`), written in the
transaction that publishes the alert. Weeks are those of event times, so an event that is more than a week
older than its page, as those of an imported history, causes none.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from online_models.catalog.catalog import Catalog
from online_models.catalog.languages import DEFAULT, language_of
from online_models.page.headings import DECIMALS
from online_models.page.layout import Pages
from online_models.page.messages import messages
from online_models.page.shelf_kinds import REASONS
from online_models.tables.layout import DAY_MS, U8
from schemas import topics
from schemas.codec import encode
from schemas.fields import MAX_TIME_MS, ItemReason
from schemas.pages import Alert, Source, alert_id
from streams.config.settings import Settings
from streams.engine.stage import Message, Outcome, Row, StateView
from streams.stages.viewers.page_bytes import Cause, Causes
from streams.stages.wire.partition_rows import ALERTED
from streams.telemetry.metrics import Metrics

__all__ = ["MAX_REMEMBERED", "Alerts"]

MAX_REMEMBERED: Final = 256
"""Alerts of a viewer that are remembered, the newest: two and a half years at two a week. A title is never
new for so long; one that is licensed again after so many other alerts may be sent again."""
WEEK_MS: Final = 7 * DAY_MS
MAX_TEXT: Final = 256


class Alerts:
    """The alerts of one source partition.

    Parameters
    ----------
    store
        The partition's rows.
    settings
        Topics, and alerts a week.
    catalog
        Names of the titles, and when they were added.
    partition
        Partition of the events.
    metrics
        Count alerts.
    """

    def __init__(
        self, store: StateView, settings: Settings, catalog: Catalog, *, partition: int, metrics: Metrics
    ) -> None:
        self._store, self._catalog, self._metrics = store, catalog, metrics
        self._page, self._provenance = settings.page, settings.provenance
        self._source = settings.topic(topics.EVENTS), partition
        self._target = settings.topic(topics.ALERTS), partition
        self._sent: dict[str, U8] = {}

    def begin_batch(self) -> None:
        """Begin a batch: the store has the alerts of the batch before."""
        self._sent.clear()

    def forget(self, viewer_id: str) -> Row:
        """Forget the alerts of a viewer; return the deletion of the row."""
        self._sent[viewer_id] = np.zeros(0, np.uint64)
        return ALERTED.no_row(viewer_id)

    def send(self, pages: Pages, causes: Causes, languages: Sequence[int], out: Outcome) -> None:
        """Put an alert for the first unsent title of each page into an outcome, and the changed rows.

        Parameters
        ----------
        pages
            [n]
        causes
            The event that caused each page.
        languages
            Language code of each viewer, 0 where unknown.
        out
            Gets them.
        """
        titles, size = self._catalog.titles, len(self._catalog.titles)
        due = np.flatnonzero((pages.alert >= 0).any(axis=1)).tolist()
        since = self._catalog.facts.available_since(size) if due else np.zeros(0, np.int64)
        for q in due:
            cause, rows = causes.at(q), pages.alert[q][pages.alert[q] >= 0]
            if cause.made_ms - cause.time_ms > WEEK_MS:  # an imported history has many weeks
                continue
            sent = self._sent_to(cause.viewer_id)
            k = self._first_unsent(sent, titles.arrays.key[rows], cause.time_ms)
            if k is None or not titles.ids[rows[k]]:
                continue
            fit = pages.alert_score[q, k], pages.alert_above[q, k], REASONS[pages.alert_reason[q, k]]
            alert = self._alert(int(rows[k]), int(since[rows[k]]), fit, cause, language_of(languages[q]))
            message: Message = {"key": cause.viewer_id.encode(), "value": encode(alert)}
            out.outputs.setdefault(self._target, []).append(message)
            now = np.array([titles.arrays.key[rows[k]], cause.time_ms], np.uint64)
            sent = self._sent[cause.viewer_id] = np.concatenate((sent, now))[-2 * MAX_REMEMBERED :]
            out.rows.append(ALERTED.row(sent, cause.viewer_id))
            self._metrics.alerts.inc()

    def _sent_to(self, viewer_id: str) -> U8:
        """Return the titles and times of a viewer's alerts, in turn, oldest first."""
        sent = self._sent.get(viewer_id)
        return ALERTED.read(self._store, viewer_id) if sent is None else sent

    def _first_unsent(self, sent: U8, keys: U8, now_ms: int) -> int | None:
        """Return the first unsent title; None where there is none, or the week's alerts are used up."""
        this_week = np.count_nonzero(sent[1::2].astype(np.int64) > now_ms - WEEK_MS)
        unsent = np.flatnonzero(~np.isin(keys, sent[::2]))
        return int(unsent[0]) if unsent.size and this_week < self._page.alerts_per_week else None

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
            text=messages(language).alert.replace("{}", facts.name(row) or title_id)[:MAX_TEXT],
            language=None if language == DEFAULT else language,
            reason=reason,
            score=round(float(score), DECIMALS),
            above=round(float(above), DECIMALS),
            since_ms=since_ms,
            generated_at_ms=cause.time_ms,
            expires_at_ms=min(since_ms + int(self._page.alert_days * DAY_MS), MAX_TIME_MS - 1),
            model_version=self._provenance,
            source=Source(topic=topic, partition=partition, offset=cause.offset),
        )
