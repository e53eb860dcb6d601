"""The comparison of a settled run with its replay; each look takes only what is new."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from schemas import topics
from schemas.codec import decode_dead_letter, decode_home
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.kafka.clients import Message
from streams.stages.wire.partition_rows import PENDING_PAGE, owner_key
from tests.chaos.ledger import Ledger
from tests.chaos.load import Delivered
from tests.chaos.stores import newest_rows
from tests.chaos.verdict import (
    Finding,
    Page,
    Pages,
    check_applied,
    compare_ends,
    compare_letters,
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

    def look(self) -> Finding:
        """Compare everything; the run has to have settled."""
        found = self._events_kept()
        found += self._changelogs()
        found += self._signals()
        wanted, seen = self._replay.facts, self._seen
        found += compare_rows("viewer", wanted.viewers, seen.viewers)
        found += compare_rows("title", wanted.titles, seen.titles)
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
        """Replay new events; the brokers must hold what they acknowledged."""
        events = self._ledger.take(topics.EVENTS)
        self._replay.events(events)
        self._events += len(events)
        out = Finding(lost=list(self._delivered.failures))
        if self._events != self._delivered.records:
            text = f"the brokers hold {self._events} events and acknowledged {self._delivered.records}"
            (out.lost if self._events < self._delivered.records else out.different).append(text)
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
            wanted = self._delivered.last if source == topics.EVENTS else self._ledger.lasts(source)
            seen = {p: offset for (log, p), offset in self._applied.items() if log == changelog}
            out += compare_ends(source, wanted, seen)
        return out

    def _see(self, changelog: str, rows: dict[bytes, bytes]) -> None:
        """Take over what is promised exactly of changed rows."""
        if changelog == topics.VIEWER_STATE:
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

    def _outputs(self) -> Finding:
        """Check pages and dead letters."""
        pages = [decode_home(message.value() or b"") for message in self._ledger.take(topics.HOME)]
        found = self._pages.take(Page(p.viewer_id, p.seq, p.source.offset, p.list_id) for p in pages)
        found += self._pages.compare(self._replay.facts.last_cause)
        letters = [decode_dead_letter(m.value() or b"") for m in self._ledger.take(topics.DEAD_LETTERS)]
        self._letters += [(letter.source.partition, letter.source.offset) for letter in letters]
        found += compare_letters(self._delivered.bad, self._letters)
        return found


def _compare_store(name: str, logged: dict[bytes, bytes], stored: dict[bytes, bytes]) -> Finding:
    """Compare a database with its changelog, row by row."""
    return Finding(
        lost=[f"the database {name} lacks {key!r}" for key in logged.keys() - stored.keys()],
        different=[
            f"the database {name} differs in {key!r}" for key in stored if stored[key] != logged.get(key)
        ],
    )
