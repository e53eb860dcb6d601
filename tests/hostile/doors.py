"""The doors: one for each topic that we read, with the step or reader that stands behind it in a worker.

A door takes a batch, and says of each record whether it was *taken*, became a *dead letter*, or was
*refused*. Only what other workers write (rows and signals) is refused, as of a newer version or another
model: the worker stops before it changes anything. Everything else that is raised is a crash.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from online_models.catalog.business_rules import RuleSet
from online_models.config import ModelConfig
from online_models.experiments.plan import ExperimentPlan
from schemas import Artwork, DecodeError, Tags, Title, topics
from schemas.codec import decode_home, encode
from schemas.experiments import Arm, Experiment, ExperimentState, Treatment
from streams.config.settings import Settings
from streams.engine.applied import APPLIED_KEY, unpack_applied
from streams.engine.definitions import Definitions
from streams.engine.stage import Outcome
from streams.engine.table_records import TableRecords, UnusableRecords
from streams.errors import StateError
from streams.serve.mirror.insights import InsightIndex
from streams.serve.mirror.rules import RuleAudience
from streams.serve.mirror.titles import TitleDirectory
from streams.stages.analytics.catalog_counts import CatalogCounts
from streams.stages.experiments.decisions import DecisionsStep
from streams.stages.experiments.definitions import EXPERIMENTS
from streams.stages.experiments.results import ResultsStep
from streams.stages.insights.step import InsightsStep
from streams.stages.insights.visits import VisitsStep
from streams.stages.rules import RULES
from streams.stages.titles.step import TitlesStep
from streams.stages.versions.register import Register
from streams.stages.viewers.step import ViewersStage
from streams.stages.wire import attribution
from streams.stages.wire.events import EventReader
from streams.telemetry.metrics import Metrics
from tests.hostile.records import NOW_MS, TITLES, VIEWERS, Hostile, as_message, as_record
from tests.streams.steps import T0, Line, MemoryStore, watch

__all__ = ["DOORS", "Stand"]

TAKEN, LETTER, REFUSED = "taken", "dead letter", "refused"
_AUDIENCES: Final = (RuleAudience(T0), RuleAudience(T0, "DE", 12))
ART: Final = tuple(
    Artwork(id=f"{word}.jpg", uri=f"https://x/{word}", tags=(word,)) for word in ("love", "war")
)


RUNNING: Final = Experiment(
    experiment_id="x1",
    state=ExperimentState.RUNNING,
    arms=(Arm(name="a", share=0.5), Arm(name="b", share=0.5, treatment=Treatment(list_length=5))),
)


class Stand:
    """An installation without brokers: every stage and every reader, fed by hand.

    Parameters
    ----------
    seed
        Of the records.
    """

    def __init__(self, seed: int) -> None:
        self.hostile = Hostile(seed)
        self.settings = settings = Settings(
            prequential_share=0.1,
            page_interval_s=0.5,
            model=ModelConfig(title_capacity=600, viewer_slots=40),
            list_length=10,
        )
        self.line = Line(settings, pause_s=0.25, wall_ms=NOW_MS, letters=True)
        self.letters = 0
        self.unusable = self.watch(self.line)
        self.line.put(
            *(
                Title(title_id=t, artwork=ART, tags=Tags(genre=(("love", "war")[n % 2],)))
                for n, t in enumerate(TITLES)
            )
        )
        self.plan, self.metrics = ExperimentPlan([RUNNING]), Metrics()
        self.line.stage.plan = lambda: self.plan
        self.line.restart()
        self.directory, self.insights, self.register = TitleDirectory(), InsightIndex(), Register()
        self.versions = TableRecords(topics.MODEL_VERSIONS, self.register.take, self.unusable)
        common: Any = {"partitions": 1, "metrics": self.metrics}
        watched: Any = common | {"unusable": self.unusable}
        self.rules = Definitions(settings, RULES, RuleSet, on_change=self._obey, **watched)
        self.experiments = Definitions(settings, EXPERIMENTS, ExperimentPlan, on_change=self._run, **watched)
        self.counts = CatalogCounts(settings, **common)
        self.stores = {name: MemoryStore() for name in ("results", "visits", "insights", "decisions")}
        self.results = ResultsStep(settings, 0, self.stores["results"], lambda: self.plan)
        self.visits = VisitsStep(settings, self.stores["visits"], lambda: self.counts._snapshot)
        self.insight = InsightsStep(settings, self.stores["insights"], lambda: self.counts._snapshot)
        self.decisions = DecisionsStep(settings, self.stores["decisions"], lambda: self.plan)
        self.internal: dict[str, list[tuple[bytes, bytes | None]]] = {
            name: []
            for name in (
                topics.SIGNALS,
                topics.TITLE_MODEL,
                topics.INSIGHTS_VISITS,
                topics.EXPERIMENT_TALLIES,
            )
        }
        self.feed(
            *(watch(viewer, t, n) for n, t in enumerate(TITLES) for viewer in VIEWERS if ":" not in viewer)
        )

    def watch(self, line: Line) -> UnusableRecords:
        """Count the records of tables that become dead letters; return who is told of them."""
        unusable = line.replica.take_titles._unusable
        add = unusable.add

        def count(*about: Any) -> None:
            self.letters += 1
            add(*about)

        unusable.add = count  # type: ignore[method-assign]
        return unusable

    def _obey(self, rules: RuleSet) -> None:
        self.line.replica.catalog.set_rules(rules)
        self.directory.set_rules(rules)

    def _run(self, plan: ExperimentPlan) -> None:
        self.plan = plan

    def feed(self, *events: Any) -> None:
        """Feed valid events, all the way round."""
        self.process([_record_of(event, n) for n, event in enumerate(events)])

    def process(self, records: Sequence[Any]) -> Any:
        """Run a batch through the stages that read events; keep what they write for others."""
        for n, record in enumerate(records):  # offsets ascend
            record.offset = self.line.offset + n
        outcome = self.line.step(list(records))
        for n, learned in enumerate(self.line.learn(outcome)):
            self.keep(topics.TITLE_MODEL, learned.rows if n == 0 else ())
        self.keep(topics.SIGNALS, [(b"", m["value"]) for m in outcome.outputs.get((topics.SIGNALS, 0), [])])
        for (topic, _), messages in outcome.outputs.items():
            if topic == topics.HOME:
                for message in messages:
                    if message["value"] is not None:
                        decode_home(message["value"])
        for name, step, topic, store in (
            ("results", self.results, topics.EXPERIMENT_TALLIES, self.stores["results"]),
            ("visits", self.visits, topics.INSIGHTS_VISITS, self.stores["visits"]),
        ):
            counted = step(records)
            store.commit(counted)
            for messages in counted.outputs.values():
                self.keep(topic, [(m.get("key") or name.encode(), m["value"]) for m in messages])
        return outcome

    def keep(self, topic: str, rows: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Keep rows or records as samples of what workers write."""
        self.internal[topic] = [*self.internal[topic], *rows][-400:]


def _record_of(event: Any, offset: int) -> Any:
    return as_record(event.viewer_id.encode(), encode(event), offset, event.event_time_ms)


def events(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read events: a record is learned or becomes a dead letter of the viewers stage; others skip it."""
    alive = _record_of(watch("alive", TITLES[0], stand.line.offset, event_id=f"alive{stand.line.offset}"), 0)
    outcome = stand.process([*records, alive])
    stand.line.flush_due()
    letters = {letter.source.offset for letter in outcome.dead_letters if letter.stage == "viewers"}
    bad = {record.offset for record in records if not _is_event(stand.settings, record)}
    assert letters == bad, f"dead letters {letters ^ bad} too many or too few"
    assert alive.offset not in letters
    assert any(key == b"alive" for key, _ in outcome.rows), "the event behind them was not learned"
    for letter in outcome.dead_letters:
        encode(letter)
    return Counter({LETTER: len(bad), TAKEN: len(records) - len(bad)})


def _is_event(settings: Settings, record: Any) -> bool:
    try:
        EventReader(settings, lambda: NOW_MS)(record, NOW_MS)
    except DecodeError:
        return False
    return True


def catalog(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read the catalog: the worker's replica, the server's directory, the insights' counts."""
    messages = [as_message(record) for record in records]
    before = stand.letters
    stand.line.replica.take_titles(messages)
    letters = stand.letters - before
    stand.directory.on_catalog([(m.key() or b"", m.value()) for m in messages])
    stand.counts.take(messages)
    assert stand.line.replica.titles.outside <= stand.settings.model.title_capacity  # the catalog has room
    for audience in _AUDIENCES:
        list(stand.directory.newest(audience))
    stand.directory.find("blue t1", 5)
    return Counter({LETTER: letters, TAKEN: len(records) - letters})


def rules(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read business rules: the worker's, and the server's."""
    letters = _letters(stand, stand.rules.take, records)
    for audience in _AUDIENCES:
        list(stand.directory.featured(audience))
    return Counter({LETTER: letters, TAKEN: len(records) - letters})


def experiments(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read experiments: their plan treats the pages of the next events."""
    letters = _letters(stand, stand.experiments.take, records)
    return Counter({LETTER: letters, TAKEN: len(records) - letters})


def versions(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read the register of model versions."""
    letters = _letters(stand, stand.versions, records)
    _ = (stand.register.live, stand.register.epoch, stand.register.succeeded("1"))
    return Counter({LETTER: letters, TAKEN: len(records) - letters})


def _letters(stand: Stand, take: Callable[[list[Any]], object], records: Sequence[Any]) -> int:
    """Take records of a table; return how many became dead letters."""
    before = stand.letters
    take([as_message(record) for record in records])
    return stand.letters - before


def signals(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read signals: a shard that learns them, and goes on with those of the workers."""
    step = TitlesStep(stand.settings, 0, MemoryStore(stand.line.title_stores[0].rows))
    valid = [as_record(None, value) for _, value in stand.internal[topics.SIGNALS][-1:]]
    return _one_by_one(records, lambda some: step([*some, *valid]))


def model_rows(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read rows of the title model: every worker's replica, and the server's."""
    line = Line(stand.settings, wall_ms=NOW_MS)
    stand.watch(line)

    def take(some: Sequence[Any]) -> None:
        messages = [as_message(record) for record in some]
        line.replica.take_rows(messages)
        stand.directory.on_model([(m.key() or b"", m.value()) for m in messages])
        for m in messages:
            if (m.key() or b"")[:1] == attribution.QUERY:
                attribution.watched_after(m.value())

    before = stand.letters
    found = _one_by_one(records, take)
    letters = stand.letters - before
    line.step(line.records([watch("ada", "t1")]))
    return found + Counter({LETTER: letters}) - Counter({TAKEN: letters})


def _one_by_one(records: Sequence[Any], take: Callable[[Sequence[Any]], Any]) -> Counter[str]:
    """Take records each by itself; an outcome with dead letters has one for the record."""
    found: Counter[str] = Counter()
    for record in records:
        try:
            outcome = take([record])
        except StateError:
            found[REFUSED] += 1
        else:
            found[LETTER if getattr(outcome, "dead_letters", None) else TAKEN] += 1
    return found


def visits(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read visits: the insights stage."""
    step = InsightsStep(stand.settings, MemoryStore(), lambda: stand.counts._snapshot)
    return _one_by_one(records, step)


def tallies(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read tallies of experiments: the decisions stage."""
    step = DecisionsStep(stand.settings, MemoryStore(), lambda: stand.plan)
    return _one_by_one(records, step)


def viewer_state(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read the viewers' changelog: a partition is restored from it, and learns on."""

    def restore(store: MemoryStore) -> None:
        stage = ViewersStage(stand.settings, stand.line.replica, partitions=1, metrics=stand.metrics)
        step = stage.step(0, store)
        step([_record_of(watch(v, "t3", n, event_time_ms=T0 + 10**8), n) for n, v in enumerate(VIEWERS)])
        step.flush_all()
        step.close()

    return _restored(stand.line.store, records, restore)


def title_state(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read the title model as a shard's own changelog."""
    valid = [as_record(None, value) for _, value in stand.internal[topics.SIGNALS][-1:]]

    def restore(store: MemoryStore) -> None:
        TitlesStep(stand.settings, 0, store)(valid)

    return _restored(stand.line.title_stores[0], records, restore)


def _restored(
    source: MemoryStore, records: Sequence[Any], restore: Callable[[MemoryStore], None]
) -> Counter[str]:
    """Restore a partition with one hostile row at a time."""
    found: Counter[str] = Counter()
    for record in records:
        store = MemoryStore(source.rows)
        try:
            if record.key == APPLIED_KEY:
                unpack_applied(record.value or b"")
            store.commit(Outcome(rows=[(record.key or b"", record.value)]))
            restore(store)
        except StateError:
            found[REFUSED] += 1
        else:
            found[TAKEN] += 1
    return found


def insights(stand: Stand, records: Sequence[Any]) -> Counter[str]:
    """Read published insights: the server's index."""
    changes = [(record.key or b"", record.value) for record in records]
    stand.insights.on_titles(changes)
    stand.insights.on_demand(changes)
    stand.insights.top(10)
    stand.insights.countries()
    return Counter({TAKEN: len(records)})


class Door(NamedTuple):
    """A topic, and who reads it."""

    draw: Callable[[Stand, int], list[Any]]
    take: Callable[[Stand, Sequence[Any]], Counter[str]]
    share: float
    """Share of all records."""
    size: int
    """Records of a batch."""


def _rows(topic: str) -> Callable[[Stand, int], list[Any]]:
    return lambda stand, count: stand.hostile.rows(stand.internal[topic], count)


def _insights(stand: Stand, count: int) -> list[Any]:
    return stand.hostile.insights(count // 2) + stand.hostile.demand(count - count // 2)


DOORS: Final[dict[str, Door]] = {
    topics.EVENTS: Door(lambda stand, n: stand.hostile.events(n), events, 0.62, 200),
    topics.CATALOG: Door(lambda stand, n: stand.hostile.titles(n), catalog, 0.12, 100),
    topics.RULES: Door(lambda stand, n: stand.hostile.rules(n), rules, 0.05, 20),
    topics.EXPERIMENTS: Door(lambda stand, n: stand.hostile.experiments(n), experiments, 0.05, 20),
    topics.MODEL_VERSIONS: Door(lambda stand, n: stand.hostile.versions(n), versions, 0.03, 50),
    topics.SIGNALS: Door(_rows(topics.SIGNALS), signals, 0.05, 50),
    f"{topics.TITLE_MODEL}, replica": Door(_rows(topics.TITLE_MODEL), model_rows, 0.03, 50),
    f"{topics.TITLE_MODEL}, restored": Door(
        lambda stand, n: stand.hostile.rows([*stand.line.title_stores[0].rows.items()], n),
        title_state,
        0.005,
        10,
    ),
    topics.VIEWER_STATE: Door(
        lambda stand, n: stand.hostile.rows([*stand.line.store.rows.items()], n), viewer_state, 0.01, 10
    ),
    topics.INSIGHTS_VISITS: Door(_rows(topics.INSIGHTS_VISITS), visits, 0.01, 50),
    topics.EXPERIMENT_TALLIES: Door(_rows(topics.EXPERIMENT_TALLIES), tallies, 0.01, 50),
    f"{topics.INSIGHTS_TITLES}, demand": Door(_insights, insights, 0.015, 50),
}
"""By topic, and reader where there are several."""
