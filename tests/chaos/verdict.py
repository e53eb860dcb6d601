"""What was lost, doubled, or differs: the workers' facts against the replay's, and in themselves."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol, Self


class Amounted(Protocol):
    """A fact that says how many events it counts."""

    @property
    def amount(self) -> int:
        """How many events."""


@dataclass
class Finding:
    """What is wrong, one sentence each."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Return whether nothing is wrong."""
        return not (self.lost or self.doubled or self.different)

    def __iadd__(self, other: "Finding") -> Self:
        self.lost += other.lost
        self.doubled += other.doubled
        self.different += other.different
        return self

    def first(self, count: int = 5) -> list[str]:
        """Return the first sentences of each kind."""
        kinds = (("lost", self.lost), ("doubled", self.doubled), ("different", self.different))
        return [f"{kind}: {text}" for kind, texts in kinds for text in texts[:count]]


def compare_rows(what: str, wanted: Mapping[bytes, Amounted], seen: Mapping[bytes, Amounted]) -> Finding:
    """Compare rows byte by byte; the events that they count tell a loss from a double.

    Examples
    --------
    >>> from tests.integration.oracle import Fact
    >>> compare_rows("title", {b"t": Fact(3, b"3")}, {b"t": Fact(4, b"4")}).doubled
    ['title t counts 4 events, not 3']
    """
    out = Finding()
    for key in sorted(wanted.keys() | seen.keys()):
        name, want, have = f"{what} {key.decode(errors='replace')}", wanted.get(key), seen.get(key)
        if have is None:
            out.lost.append(f"{name} has no row")
        elif want is None:
            out.different.append(f"{name} has a row that nothing explains")
        elif have.amount != want.amount:
            texts = out.lost if have.amount < want.amount else out.doubled
            texts.append(f"{name} counts {have.amount} events, not {want.amount}")
        elif have != want:
            out.different.append(f"{name} counts as many events, but its bytes differ")
    return out


def compare_signals(wanted: Iterable[tuple[Any, ...]], seen: Iterable[tuple[Any, ...]]) -> Finding:
    """Compare what the titles were told; each signal counts."""
    want, have = Counter(wanted), Counter(seen)
    out = Finding(lost=[f"signal {one} ({n}x)" for one, n in (want - have).items()])
    for one, n in (have - want).items():
        texts = out.doubled if one in want else out.different
        texts.append(f"signal {one} ({n}x more)")
    return out


def compare_letters(wanted: Iterable[tuple[int, int]], seen: Iterable[tuple[int, int]]) -> Finding:
    """Compare dead letters by partition and offset of what they reject: exactly one each."""
    want, have = Counter(wanted), Counter(seen)
    return Finding(
        lost=[f"no dead letter for {place}" for place in want if not have[place]],
        doubled=[
            f"{n} dead letters for {place}" for place, n in have.items() if place in want and n > want[place]
        ],
        different=[f"a dead letter for {place}, which was sound" for place in have if place not in want],
    )


def compare_handed_over(
    wanted: Iterable[tuple[bytes, bytes]], seen: Iterable[tuple[bytes, bytes]]
) -> Finding:
    """Compare the histories of viewers who signed in, by key and bytes: exactly one each.

    Examples
    --------
    >>> compare_handed_over([(b"ada", b"{}")], []).lost
    ['no history for ada: {}']
    """
    want, have = Counter(wanted), Counter(seen)
    text = "{} for {}: {}"
    return Finding(
        lost=[text.format("no history", k.decode(), v.decode()) for k, v in (want - have)],
        doubled=[
            text.format("one more history", k.decode(), v.decode()) for k, v in have - want if want[k, v]
        ],
        different=[
            text.format("a history", k.decode(), v.decode()) for k, v in have - want if not want[k, v]
        ],
    )


def compare_owners(viewers: Iterable[str], owners: Iterable[str]) -> Finding:
    """Find owners of rows who are no viewers: of one who was forgotten nothing may be left.

    Examples
    --------
    >>> compare_owners(["ada"], ["ada", "bob"]).different
    ['bob is no viewer, and has a row left']
    """
    left = set(owners) - set(viewers)
    return Finding(different=[f"{viewer} is no viewer, and has a row left" for viewer in sorted(left)])


def compare_ends(what: str, wanted: Mapping[int, int], seen: Mapping[int, int]) -> Finding:
    """Compare applied offsets with the last offsets of their source."""
    out = Finding()
    for partition in sorted(wanted.keys() | seen.keys()):
        want, have = wanted.get(partition, -1), seen.get(partition, -1)
        if have != want:
            texts = out.lost if have < want else out.different
            texts.append(f"{what}/{partition} is applied up to {have}, not {want}")
    return out


def check_applied(what: str, offsets: Mapping[int, Sequence[int]]) -> Finding:
    """Make sure that applied offsets only grow: a batch that is committed twice repeats one.

    Parameters
    ----------
    what
        The changelog.
    offsets
        By partition, in the order of the log, the last of an earlier look included.
    """
    return Finding(
        doubled=[
            f"{what}/{partition} applies {now} after {before}"
            for partition, row in offsets.items()
            for before, now in pairwise(row)
            if now <= before
        ]
    )


@dataclass(frozen=True, slots=True)
class Page:
    """What is checked of a published page."""

    viewer: str
    seq: int
    offset: int
    """Of the event that caused it."""
    list_id: str


@dataclass(frozen=True, slots=True)
class NoPage:
    """The deletion of a viewer's page: signed in, or forgotten."""

    viewer: str


class Pages:
    """Every viewer's pages: numbered from 1 without gap or repeat, in the order of their causes.

    Behind a deletion the viewer begins anew.
    """

    def __init__(self) -> None:
        self.last: dict[str, Page] = {}
        self._ids: dict[str, set[str]] = defaultdict(set)

    def take(self, pages: Iterable[Page | NoPage]) -> Finding:
        """Check the next pages."""
        out = Finding()
        for page in pages:
            if isinstance(page, NoPage):
                self.last.pop(page.viewer, None)
                continue
            before = self.last.get(page.viewer, Page(page.viewer, 0, -1, ""))
            self.last[page.viewer] = page
            name = f"page {page.seq} of {page.viewer}"
            if page.seq > before.seq + 1:
                out.lost.append(f"{name} follows page {before.seq}")
            elif page.seq <= before.seq or page.list_id in self._ids[page.viewer]:
                out.doubled.append(f"{name} follows page {before.seq}")
            elif page.offset < before.offset:
                out.different.append(f"{name} is of event {page.offset}, the one before of {before.offset}")
            self._ids[page.viewer].add(page.list_id)
        return out

    def compare(self, last_cause: Mapping[str, int]) -> Finding:
        """Compare each viewer's last page with the last event that has to have made one."""
        out = Finding()
        for viewer in sorted(last_cause.keys() | self.last.keys()):
            page, cause = self.last.get(viewer), last_cause.get(viewer)
            if page is None or (cause is not None and page.offset < cause):
                out.lost.append(f"{viewer} has no page of event {cause}")
            elif page.offset != cause:
                out.different.append(f"the last page of {viewer} is of event {page.offset}, not {cause}")
        return out


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return a quantile by the nearest rank, None of nothing.

    Examples
    --------
    >>> quantile([3.0, 1.0, 2.0], 0.5), quantile([], 0.95)
    (2.0, None)
    """
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else None
