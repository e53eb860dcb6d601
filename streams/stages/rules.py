"""The business rules: a companion of the worker (`streams.engine.definitions`), and the operator's changes.

Every change is a record of ``rules.v1``; workers and `nearline serve` apply it within a second. A new rule
holds for the pages that are made from then on.
"""

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import structs
from rapidfuzz import process

from online_models.catalog.business_rules import RuleSet, in_force, rule_errors
from schemas import topics
from schemas.codec import decode_rule, encode
from schemas.rules import BusinessRule
from streams.clock import now_ms
from streams.config.settings import Settings
from streams.engine.definitions import DefinitionKind, Definitions, known_after
from streams.engine.table_records import UnusableRecords
from streams.errors import RuleError
from streams.kafka import scan as topic_scan
from streams.kafka.produce import put
from streams.telemetry.metrics import Metrics

__all__ = ["RULES", "create", "find", "read_rules", "remove", "rules_of", "start", "stop"]

Clock = Callable[[], int]
NEAR: Final = 70.0
"""Similarity from which an id is proposed (rapidfuzz: 100 for equal ids)."""
RULES: Final = DefinitionKind(topics.RULES, "rule", decode_rule, rule_errors)


def rules_of(
    settings: Settings,
    *,
    partitions: int,
    metrics: Metrics,
    on_change: Callable[[RuleSet], None],
    unusable: UnusableRecords | None = None,
) -> Definitions[BusinessRule, RuleSet]:
    """Return the reader of rules, not yet started.

    Parameters
    ----------
    settings
        Brokers, topics.
    partitions
        Partitions of their topic.
    metrics
        Count rules.
    on_change
        Called with all rules in the reader's thread, after every change.
    unusable
        Receives records that cannot be used. Default: one of its own.
    """
    return Definitions(
        settings, RULES, RuleSet,
        partitions=partitions, metrics=metrics, on_change=on_change, unusable=unusable,
    )  # fmt: skip


def read_rules(settings: Settings) -> dict[str, BusinessRule]:
    """Read the topic to its end.

    Raises
    ------
    TopicError
        There is no such topic.
    BrokerUnreachableError
        The broker does not answer.
    """
    return known_after(RULES, topic_scan.read_all(settings, topics.RULES))


def create(
    settings: Settings, rule: BusinessRule, *, replace: bool = False, known_titles: bool = False
) -> BusinessRule:
    """Write a rule: it holds from the next pages on, or from its start.

    Parameters
    ----------
    settings
        Cluster and prefix.
    rule
        The rule.
    replace
        Whether it may replace a rule of its id.
    known_titles
        Whether all its titles must be in the catalog.

    Raises
    ------
    RuleError
        It is faulty, names a title that does not exist, or a rule of this name exists and `replace` is false.
    """
    found = rule_errors(rule)
    if found:
        what = f"{rule.rule_id} is no rule as it is"
        raise RuleError(what, why="; ".join(found), next_step="correct the definition and repeat")
    if known_titles:
        _require_titles(settings, rule)
    if not replace and rule.rule_id in read_rules(settings):
        what = f"there is a rule {rule.rule_id}"
        raise RuleError(what, next_step="choose another id, or replace it (--replace)")
    put(settings, topics.RULES, rule.rule_id.encode(), encode(rule))
    return rule


def find(known: dict[str, BusinessRule], name: str) -> BusinessRule:
    """Return a rule by its name.

    Raises
    ------
    RuleError
        There is none.
    """
    if name not in known:
        raise _missing(name, known)
    return known[name]


def start(settings: Settings, name: str, *, now_ms: Clock = now_ms) -> BusinessRule:
    """Let a rule that begins later, or that has ended, apply from now on; one that has ended gets no end.

    Raises
    ------
    RuleError
        There is none of this name, or it applies already.
    """
    rule, now = find(read_rules(settings), name), now_ms()
    if in_force(rule, now):
        what = f"{name} applies already"
        raise RuleError(what, next_step="see `nearline rules list`")
    ends = rule.ends_at_ms if rule.ends_at_ms is not None and rule.ends_at_ms > now else None
    return create(settings, structs.replace(rule, starts_at_ms=now, ends_at_ms=ends), replace=True)


def stop(settings: Settings, name: str, *, now_ms: Clock = now_ms) -> BusinessRule:
    """Let a rule apply no longer; it stays, and can be started again.

    Raises
    ------
    RuleError
        There is none of this name, or it does not apply now.
    """
    rule, now = find(read_rules(settings), name), now_ms()
    if not in_force(rule, now):
        what, advice = (
            f"{name} does not apply now",
            "see `nearline rules list`; remove it if it is not wanted",
        )
        raise RuleError(what, next_step=advice)
    starts = rule.starts_at_ms
    if starts is not None:
        starts = min(starts, now - 1)
    return create(settings, structs.replace(rule, starts_at_ms=starts, ends_at_ms=now), replace=True)


def remove(settings: Settings, name: str) -> None:
    """Remove a rule, also one that cannot be read.

    Raises
    ------
    RuleError
        There is none of this name.
    """
    parts = range(topic_scan.partitions_of(settings, topics.RULES))
    newest = topic_scan.read_latest(settings, topics.RULES, parts)
    there = {key.decode(errors="replace") for key, message in newest.items() if message.value() is not None}
    if name not in there:
        raise _missing(name, there)
    put(settings, topics.RULES, name.encode(), None)


def _missing(name: str, there: Iterable[str]) -> RuleError:
    why = f"there are: {', '.join(sorted(there)) or 'none'}"
    return RuleError(f"there is no rule {name}", why=why, next_step="see `nearline rules list`")


def _require_titles(settings: Settings, rule: BusinessRule) -> None:
    """Refuse a rule about titles that the catalog does not have: an id that is mistyped would match nothing.

    Raises
    ------
    RuleError
        With the nearest ids.
    """
    if not rule.titles:
        return
    partitions = range(topic_scan.partitions_of(settings, topics.CATALOG))
    newest = topic_scan.read_latest(settings, topics.CATALOG, partitions)
    there = [key.decode(errors="replace") for key, message in newest.items() if message.value() is not None]
    unknown = sorted(set(rule.titles) - set(there))
    if not unknown:
        return
    near = [found[0] for name in unknown if (found := process.extractOne(name, there, score_cutoff=NEAR))]
    what = f"the catalog has no title {', '.join(unknown)}"
    why = f"nearest: {', '.join(near)}" if near else "a rule about a title that does not exist does nothing"
    step = "correct the id; or accept titles that come later (--force)"
    raise RuleError(what, why=why, next_step=step)
