"""The comparison of a settled run with its replay; each look takes only what is new."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from schemas import topics
from schemas.codec import decode_dead_letter, decode_home
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.kafka.clients import Message
from streams.stages.wire import impression_rows
from streams.stages.wire.partition_rows import ALERTED, PENDING_PAGE, owner_key
from tests.chaos.ledger import Ledger
from tests.chaos.load import Delivered
from tests.chaos.stores import newest_rows
from tests.chaos.verdict import (
    Finding,
    NoPage,
    Page,
    Pages,
    check_applied,
    compare_ends,
    compare_handed_over,
    compare_letters,
    compare_owners,
    compare_rows,
    compare_signals,
)
from tests.integration.oracle import Facts, Replay, newest, signal_facts, title_facts, viewer_facts

STAGES = ((topics.VIEWER_STATE, "viewers", topics.EVENTS), (topics.TITLE_MODEL, "titles", topics.SIGNALS))
"""Changelog, folder of the databases, source."""


class Audit:
    """What the workers committed against what one process makes of the same log.

    Parameters
    ----------
    settings
        Model, topics and shards.
    ledger
        Where the records are.
    delivered
        What the load knows of its own records.
    """

    def __init__(self, settings: Settings, ledger: Ledger, delivered: Delivered) -> None:
        self._settings, self._ledger, self._delivered = settings, ledger, delivered
        self._replay, self._seen = Replay(settings), Facts()
        self._pages = Pages()
        self._letters: list[tuple[int, int]] = []
        self._applied: dict[tuple[str, int], int] = {}
        self._rows: dict[tuple[str, int], dict[bytes, bytes]] = defaultdict(dict)
        self._events = 0
        self._handed_over: list[tuple[bytes, bytes]] = []

    def look(self) -> Finding:
        """Compare everything; the run has to have settled."""
        found = self._events_kept()
        found += self._changelogs()
        found += self._signals()
        wanted, seen = self._replay.facts, self._seen
        found += compare_rows("viewer", wanted.viewers, seen.viewers)
        found += compare_rows("title", wanted.titles, seen.titles)
        found += self._owners()
        found += self._outputs()
        return found

    def stores(self, folders: Iterable[Path]) -> Finding:
        """Compare the newest database of each partition with its changelog; no worker may run."""
        folders, out = list(folders), Finding()
        for changelog, stage, _ in STAGES:
            for partition in self._ledger.lasts(changelog):
                stores = [folder / stage / str(partition) for folder in folders]
                rows = newest_rows(stores, self._applied.get((changelog, partition), -1))
                if rows is not None:
                    out += _compare_store(f"{stage}/{partition}", self._rows[changelog, partition], rows)
        return out

    def _events_kept(self) -> Finding:
        """Replay new events; the brokers must hold what they acknowledged, and what workers handed over."""
        events = self._ledger.take(topics.EVENTS)
        self._replay.events(events)
        handed_over = [(m.key() or b"", m.value() or b"") for m in events if is_handed_over(m)]
        self._handed_over += handed_over
        self._events += len(events) - len(handed_over)
        out = Finding(lost=list(self._delivered.failures))
        if self._events != self._delivered.records:
            text = f"the brokers hold {self._events} events and acknowledged {self._delivered.records}"
            (out.lost if self._events < self._delivered.records else out.different).append(text)
        out += compare_handed_over(self._replay.facts.handed_over, self._handed_over)
        return out

    def _changelogs(self) -> Finding:
        """Take new rows over, and check the applied records."""
        out = Finding()
        for changelog, _, source in STAGES:
            messages = self._ledger.take(changelog)
            for partition in self._ledger.lasts(changelog):
                news = newest(message for message in messages if message.partition() == partition)
                rows = self._rows[changelog, partition]
                rows |= news
                for key in [key for key, value in news.items() if not value]:
                    del rows[key]
                self._see(changelog, news)
            out += check_applied(changelog, self._applied_of(changelog, messages))
            wanted = self._ledger.lasts(source)
            seen = {p: offset for (log, p), offset in self._applied.items() if log == changelog}
            out += compare_ends(source, wanted, seen)
        return out

    def _see(self, changelog: str, rows: dict[bytes, bytes]) -> None:
        """Take over what is promised exactly of changed rows."""
        if changelog == topics.VIEWER_STATE:
            for key in [key for key, value in rows.items() if not value]:
                self._seen.viewers.pop(key, None)
            self._seen.viewers |= viewer_facts(rows, self._settings)
        else:
            self._seen.titles |= title_facts(rows, self._settings)

    def _applied_of(self, changelog: str, messages: Sequence[Message]) -> dict[int, list[int]]:
        """Return each partition's applied offsets in order, the last one known before in front.

        A payment of its own, which deletes a debt, repeats the one before.
        """
        rows: dict[int, list[int]] = defaultdict(list)
        pays: set[int] = set()
        for message in messages:
            key, partition = message.key() or b"", message.partition() or 0
            if owner_key(key) == PENDING_PAGE.key and message.value() is None:
                pays.add(partition)
            if key == APPLIED_KEY:
                offset, before = (
                    unpack_applied(message.value() or b""),
                    self._applied.get((changelog, partition)),
                )
                repeated = offset == before and partition in pays
                pays.discard(partition)
                if repeated:
                    continue
                if before is not None and partition not in rows:
                    rows[partition].append(before)
                rows[partition].append(offset)
                self._applied[changelog, partition] = offset
        return rows

    def _signals(self) -> Finding:
        """Replay new signals, and compare them with those that the replay of events sent."""
        messages = self._ledger.take(topics.SIGNALS)
        self._replay.signals(messages)
        seen = signal_facts([m.value() or b"" for m in messages if m.partition() == 0], self._settings)
        found = compare_signals(self._replay.facts.signals, seen)
        self._replay.facts.signals.clear()
        return found

    def _owners(self) -> Finding:
        """Find rows next to those of viewers (impressions, alerts) whose viewers are none in the replay."""
        parts = self._ledger.lasts(topics.VIEWER_STATE)
        owners = {owner for p in parts for owner in _owners(self._rows[topics.VIEWER_STATE, p])}
        return compare_owners((key.decode() for key in self._replay.facts.viewers), owners)

    def _outputs(self) -> Finding:
        """Check pages and dead letters."""
        found = self._pages.take(map(_page, self._ledger.take(topics.HOME)))
        found += self._pages.compare(self._replay.facts.last_cause)
        letters = [decode_dead_letter(m.value() or b"") for m in self._ledger.take(topics.DEAD_LETTERS)]
        self._letters += [(letter.source.partition, letter.source.offset) for letter in letters]
        found += compare_letters(self._delivered.bad, self._letters)
        return found


def is_handed_over(message: Message) -> bool:
    """Return whether a worker wrote an event: the history of a viewer who signed in."""
    return b'"event_id":"identified-' in (message.value() or b"")


def _page(message: Message) -> Page | NoPage:
    value = message.value()
    if value is None:
        return NoPage((message.key() or b"").decode())
    page = decode_home(value)
    return Page(page.viewer_id, page.seq, page.source.offset, page.list_id)


def _owners(rows: Iterable[bytes]) -> Iterator[str]:
    """Yield the viewers of rows of impressions and of alerts."""
    for key in rows:
        if key[:1] == impression_rows.PREFIX:
            yield key[1:].decode()
        elif owner_key(key) == ALERTED.key:
            yield key[len(ALERTED.key) + 1 :].decode()


def _compare_store(name: str, logged: dict[bytes, bytes], stored: dict[bytes, bytes]) -> Finding:
    """Compare a database with its changelog, row by row."""
    return Finding(
        lost=[f"the database {name} lacks {key!r}" for key in logged.keys() - stored.keys()],
        different=[
            f"the database {name} differs in {key!r}" for key in stored if stored[key] != logged.get(key)
        ],
    )
