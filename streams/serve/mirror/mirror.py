"""The data that the server serves: the public compacted topics on its own disk, kept up to date.

It is ready once every topic was read to its end. Nothing is learned here: lists that are made on request
(`streams.serve.api.lists`) select from what the stages published.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Semaphore

import structlog

from schemas import Title, topics
from schemas.codec import decode_home, decode_title
from schemas.errors import DecodeError
from schemas.pages import Home
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.engine.broker_watch import BrokerWatch
from streams.engine.exits import die
from streams.engine.folder_lock import locked_folder
from streams.engine.state import StoreMemory
from streams.engine.table_records import UnusableRecords
from streams.kafka.topics import delete_retention_s, require_topics
from streams.serve.mirror.insights import InsightIndex
from streams.serve.mirror.notifier import ChangeNotifier
from streams.serve.mirror.table import Change, Stored, Table
from streams.serve.mirror.titles import TitleDirectory
from streams.serve.problems import Problem, ProblemKind
from streams.stages.rules import rules_of
from streams.telemetry.metrics import Metrics

__all__ = ["FOLDER", "TABLES", "Mirror", "expired_s"]

_LOG = structlog.get_logger(__name__)

FOLDER = "serve-1"
"""Folder of the databases below the state folder; the number is the version of their layout."""
TABLES = (
    topics.HOME, topics.TRENDING, topics.CATALOG, topics.TITLE_MODEL, topics.INSIGHTS_TITLES,
    topics.INSIGHTS_DEMAND,
)  # fmt: skip
"""Topics that are mirrored."""
IN_MEMORY = frozenset({topics.CATALOG, topics.TITLE_MODEL, topics.INSIGHTS_TITLES, topics.INSIGHTS_DEMAND})
"""Topics that are in memory, too: a restart replays their stored rows."""
SCANS = 4
"""Requests that read whole topics or workers' metrics at a time: a tenth of the threads for requests."""

MOST_CHECKED = 100_000
"""Pages that are known to decode: 15 MB. Decoding one takes a tenth of a millisecond (measured)."""


_EXPIRES = re.compile(rb'"expires_at_ms":(\d{1,16})')  # in a text the second quote would be escaped


class Mirror:
    """The newest records of the topics, and what is derived from them.

    Parameters
    ----------
    settings
        Cluster, prefix, state folder.
    metrics
        Where it reports how far it has read.

    Attributes
    ----------
    titles
        Names, guards and search index of titles.
    insights
        Insights for content teams.
    notifier
        Notified of every new page.

    Raises
    ------
    TopicError
        A topic is missing.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        unusable = UnusableRecords(metrics)
        self.titles, self.notifier = TitleDirectory(unusable), ChangeNotifier()
        self.insights = InsightIndex(unusable)
        self._scans = Semaphore(SCANS)
        self._sound: dict[tuple[int, int], bool] = {}
        self._stack = ExitStack()
        facts = require_topics(settings, (*TABLES, topics.EVENTS, topics.RULES, topics.AUDIT))
        memory, folder = StoreMemory(), settings.state_dir / FOLDER
        metrics.watch_state_memory(memory.parts)
        listeners = {
            topics.HOME: self._on_pages,
            topics.CATALOG: self.titles.on_catalog,
            topics.TITLE_MODEL: self.titles.on_model,
            topics.INSIGHTS_TITLES: self.insights.on_titles,
            topics.INSIGHTS_DEMAND: self.insights.on_demand,
        }
        self._tables = {
            name: Table(
                settings, name, facts[name], folder, memory,
                delete_retention_s=delete_retention_s(settings, settings.topic(name)),
                on_change=listeners.get(name, lambda _: None),
                replay=name in IN_MEMORY,
            )
            for name in TABLES
        }  # fmt: skip
        for name, table in self._tables.items():
            metrics.replica_remaining.labels(name).set_function(partial(getattr, table, "remaining"))
        self._rules = rules_of(
            settings,
            partitions=facts[topics.RULES].partitions,
            metrics=metrics,
            on_change=self.titles.set_rules,
            unusable=unusable,
        )
        self._claim = partial(locked_folder, folder)
        self._watch = BrokerWatch(settings, settings.topic(topics.HOME), die)

    def start(self) -> None:
        """Start reading.

        Raises
        ------
        StateError
            The folder is in use, or cannot be written.
        """
        self._stack.enter_context(self._claim())
        for table in self._tables.values():
            table.start()
            self._stack.callback(table.stop)
        self._rules.start()
        self._stack.callback(self._rules.stop)
        self._watch.start()
        self._stack.callback(self._watch.stop)

    def stop(self) -> None:
        """Stop reading."""
        self._stack.close()

    @contextmanager
    def scan(self) -> Iterator[None]:
        """Take one of :data:`SCANS` places for reading topics; a request never waits for one.

        Raises
        ------
        Problem
            All are taken: 503.
        """
        if not self._scans.acquire(blocking=False):
            why = f"{SCANS} requests are reading topics already; repeat"
            raise Problem(ProblemKind.UNAVAILABLE, why, headers={"Retry-After": "2"})
        try:
            yield
        finally:
            self._scans.release()

    def waiting(self) -> list[str]:
        """Return a line for each topic that was not read to its end."""
        tables = [table.progress for table in self._tables.values() if not table.caught_up]
        return tables + self._rules.waiting()

    def outage(self) -> list[str]:
        """Return a line while no broker answers: what is stored may be old, and no event can be posted."""
        return self._watch.waiting()

    @property
    def ready(self) -> bool:
        """Whether every topic was read to its end."""
        return all(table.caught_up for table in self._tables.values()) and self._rules.caught_up

    @property
    def model(self) -> Table:
        """The table of the titles' packed rows."""
        return self._tables[topics.TITLE_MODEL]

    def page(self, viewer_id: str) -> Stored | None:
        """Return a viewer's newest page; None where there is none that breaks no contract."""
        found = self._tables[topics.HOME].get(viewer_id.encode())
        return found if found is not None and self._is_sound(found) else None

    def valid_page(self, viewer_id: str) -> Stored | None:
        """Return a viewer's newest page, None if there is none or it has expired."""
        found = self.page(viewer_id)
        return None if found is None or expired_s(found, now_ms()) else found

    def trending(self, scope: str) -> Stored | None:
        """Return a scope's newest trending list."""
        return self._tables[topics.TRENDING].get(scope.encode())

    def record(self, title_id: str) -> Stored | None:
        """Return a title's record in the catalog."""
        return self._tables[topics.CATALOG].get(title_id.encode())

    def insight(self, title_id: str) -> Stored | None:
        """Return a title's insights."""
        return self._tables[topics.INSIGHTS_TITLES].get(title_id.encode())

    def title(self, title_id: str) -> Title:
        """Return a title as the catalog describes it; one with only an id where it does not."""
        found = self.record(title_id)
        try:
            return decode_title(found.value) if found else Title(title_id=title_id)
        except DecodeError:
            return Title(title_id=title_id)

    def home(self, viewer_id: str) -> Home | None:
        """Return a viewer's newest page, decoded; None as for `page`."""
        found = self._tables[topics.HOME].get(viewer_id.encode())
        return None if found is None else _decoded(found)

    def _is_sound(self, page: Stored) -> bool:
        """Return whether a page decodes; each is decoded once, when it is first asked for."""
        place = page.partition, page.offset
        sound = self._sound.get(place)
        if sound is None:
            if len(self._sound) >= MOST_CHECKED:
                self._sound.clear()
            sound = self._sound[place] = _decoded(page) is not None
        return sound

    def scopes(self) -> list[str]:
        """Return the scopes that have a trending list."""
        return sorted(key.decode(errors="replace") for key, _ in self._tables[topics.TRENDING].rows())

    def viewers(self, most: int) -> list[str]:
        """Return some viewers who have a page."""
        found = []
        for key, _ in self._tables[topics.HOME].rows():
            found.append(key.decode(errors="replace"))
            if len(found) == most:
                break
        return found

    def _on_pages(self, changes: Sequence[Change]) -> None:
        self.notifier.notify(key for key, _ in changes)


def _decoded(stored: Stored) -> Home | None:
    """Decode a page; None if it breaks the contract, which is logged with its place."""
    try:
        return decode_home(stored.value)
    except DecodeError as error:
        _LOG.error(
            "page_unusable",
            partition=stored.partition,
            offset=stored.offset,
            reason=error.reason.value,
            field=error.field,
            next="report it; the viewer is served as one without a page",
        )
        return None


def expired_s(page: Stored, at_ms: int) -> int:
    """Return for how many seconds a page is past its end, 0 if it is not; read from its bytes, not decoded.

    Examples
    --------
    >>> page = Stored(b'{"viewer_id":"ada","expires_at_ms":9000,"rows":[]}', 0, 0, 0, 0)
    >>> expired_s(page, 8_999), expired_s(page, 9_000), expired_s(page, 70_500)
    (0, 1, 61)
    """
    found = _EXPIRES.search(page.value)
    late = at_ms - int(found[1]) if found else -1
    return max(1, late // 1000) if late >= 0 else 0
