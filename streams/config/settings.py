"""Every setting of the product, and the only reader of the environment.

A setting ``name`` is read from the variable ``NEARLINE_NAME``; a part of a group follows two underscores, as
in ``NEARLINE_KAFKA__SECURITY_PROTOCOL=SASL_SSL``. A command-line option of the same meaning wins over the
variable, the variable over the default. A variable that starts with ``NEARLINE_`` and names no setting is an
error with a suggestion, because a misspelt setting that is silently ignored is found in production.

``nearline config show`` prints the effective values and where each came from.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from online_models.config import ModelConfig
from online_models.page.config import PageConfig
from schemas.topics import TopicSpec, named, prefixed
from schemas.versions import FIRST_VERSION
from streams.config.server import ServeSettings
from streams.config.tenants import apart
from streams.config.variables import PREFIX, leaves, lists_read, refuse_unknown, variable
from streams.errors import SettingsError


def _default_cache_dir() -> Path:
    """Return the user's cache folder, as the XDG base directory specification has it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nearline"


def child_environment() -> dict[str, str]:
    """Return the environment for a worker started by this process: ours, but for the HTTP port."""
    return {name: value for name, value in os.environ.items() if name.upper() != f"{PREFIX}HTTP_PORT"}


class Settings(BaseSettings):
    """The effective settings of one process; build them with :meth:`load`.

    Examples
    --------
    >>> Settings.load(group="evening").group
    'evening'
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
        frozen=True,
        extra="forbid",
    )

    brokers: str = Field("127.0.0.1:19092", min_length=1)
    """Where Kafka is, as host:port[,host:port…]. Default: what `nearline kafka start` listens on."""

    connect_timeout_s: float = Field(5.0, gt=0.0, le=300.0)
    """Longest wait for a cluster's first answer. Default 5: a loaded broker far away takes about a second."""

    group: str = Field("nearline", pattern=r"^[A-Za-z0-9._-]{1,200}$")
    """Consumer group and beginning of every transactional id: two groups on a cluster are two products."""

    topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    """Put before every topic name, so that environments can share a cluster. Default: none."""

    tenant: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    """Whose installation this is, among several; begins prefix, group and folder. Default: the only one."""

    profiles: bool = False
    """Whether an event's profile is a viewer of its own, `viewer:profile`. Default: one taste an account."""

    model_version: str = Field(FIRST_VERSION, pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    """Version of the model that this worker learns, with group, state and internal topics of its own."""

    state_dir: Path = Path(".nearline/state")
    """Folder of the local databases, one a stage and source partition. If lost, the changelog rebuilds it."""

    cache_dir: Path = Field(default_factory=_default_cache_dir)
    """Folder for what can be fetched again (the broker's jars). Default: the user's cache folder (XDG)."""

    http_host: str = Field("127.0.0.1", min_length=1)
    """Address of /livez, /readyz and /metrics. Default: loopback, because they ask for no password."""

    http_port: int = Field(8000, ge=0, le=65_535)
    """Port of /livez, /readyz and /metrics; 0 takes any free one. Default: free on most machines."""

    title_shards: int = Field(1, ge=1, le=256)
    """Partitions over which titles are spread. Default 1: a shard learns tens of thousands of events/s."""

    threads: int = Field(2, ge=1, le=64)
    """Threads that learn and rank. Default 2: unbounded they starve a broker on the same cores (measured)."""

    viewers_batch_events: int = Field(8_000, ge=1, le=1_000_000)
    """Most events in a batch of the viewers stage. Default: 21,000 events/s where 4,000 gave 16,000."""

    viewers_batch_bytes: int = Field(4_000_000, ge=1_000, le=1_000_000_000)
    """Most bytes of events in a batch of the viewers stage. Default: 500 bytes an event at the cap."""

    titles_batch_events: int = Field(4_000, ge=1, le=1_000_000)
    """Most signal records in one batch of the titles stage. Default: as for viewers."""

    titles_floor_s: float = Field(0.1, ge=0.0, le=60.0)
    """Least seconds between the starts of two title batches. Default: a popular row is written 10 times/s."""

    lead_events: int = Field(0, ge=0)
    """Most events that viewers are ahead of the title model, 0 = any. Default 0: live there is no lead."""

    replica_timeout_s: float = Field(60.0, gt=0.0, le=3_600.0)
    """Seconds for the title model's replica to catch up at start. Default: 100k titles take a few seconds."""

    session_timeout_s: float = Field(10.0, ge=6.0, le=300.0)
    """Seconds after which the group gives a silent worker's partitions away. Brokers refuse less than 6."""

    group_instance_id: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]{1,200}$")
    """Name of this worker's place in the group; workers have different ones. Default: none.

    With it a worker that restarts within session_timeout_s gets its partitions back at once and no other
    worker's move; but those of one that stops for good wait until then. Raise session_timeout_s to what a
    restart takes. In a StatefulSet: env NEARLINE_GROUP_INSTANCE_ID, valueFrom fieldRef metadata.name."""

    watchdog_s: float = Field(60.0, ge=5.0, le=3_600.0)
    """Seconds without progress, with work at hand, after which the worker ends itself. Default 60."""

    prequential_share: float = Field(0.05, ge=0.0, le=1.0)
    """Share of events that are ranked before they are learned. Default .05: each costs one ranking."""

    list_length: int = Field(20, ge=1, le=200)
    """Titles in a row. Default 20: interest is lost after 10 to 20 (Gomez-Uribe and Hunt, 2016)."""

    page: PageConfig = Field(default_factory=PageConfig)
    """What a page shall be (NEARLINE_PAGE__ROWS=1: top picks alone); see online_models/page/config.py."""

    page_interval_s: float = Field(1.0, ge=0.0, le=60.0)
    """Least seconds between a viewer's pages: a first change is published at once, what follows is owed until
    then; 0 = a page with every batch. Default 1: nobody looks at a page more often than once a second."""

    list_per_event: bool = False
    """Whether each event that says something gets a page, whatever page_interval_s says. Default: no."""

    list_ttl_s: float = Field(86_400.0, gt=0.0)
    """Seconds after which a page should not be shown any more. Default: a day."""

    check_crcs: bool = True
    """Whether records' checksums are verified. The embedded cluster writes none into transaction markers."""

    serve: ServeSettings = ServeSettings()
    """`nearline serve` (NEARLINE_SERVE__PORT=8080); streams/config/server.py says what each means."""

    kafka: dict[str, str] = Field(default_factory=dict)
    """Any librdkafka property: NEARLINE_KAFKA__SASL_MECHANISM sets sasl.mechanism. Default: none."""

    traces: bool = False
    """Whether batches join the traces of events with a `traceparent`. Default: no; wants nearline[otel]."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe line that is logged."""

    log_format: Literal["auto", "json", "console"] = "auto"
    """json, console, or auto: console on a terminal, JSON elsewhere."""

    model: ModelConfig = Field(default_factory=ModelConfig)
    """Every hyper-parameter (NEARLINE_MODEL__COWATCH__WINDOW=20); online_models/config.py says why which."""

    _chosen: frozenset[str] = PrivateAttr(default=frozenset())

    @model_validator(mode="before")
    @classmethod
    def _of_tenant(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Keep a tenant's names apart from all others'."""
        names = ("topic_prefix", "group", "state_dir")
        return apart(values, defaults={name: cls.model_fields[name].default for name in names})

    @field_validator("kafka")
    @classmethod
    def _dotted(cls, value: dict[str, str]) -> dict[str, str]:
        """Turn the names that a variable can have into librdkafka's: no property has an underscore."""
        return {name.lower().replace("_", "."): text for name, text in value.items()}

    @field_validator("model", mode="before")
    @classmethod
    def _with_lists(cls, value: object) -> object:
        """Read lists of numbers inside the group, which a variable can only give as JSON text."""
        return lists_read(value)

    @classmethod
    def load(cls, **options: Any) -> Self:  # noqa: ANN401 - one value of any setting's type
        """Read the environment, lay the options that are not None over it, and check everything.

        Parameters
        ----------
        options
            Settings by name, as given on the command line; None means not given.

        Raises
        ------
        SettingsError
            A variable is unknown or a value is out of range; the text names it and the allowed values.
        """
        groups = [(name,) for name in cls.model_fields]
        refuse_unknown(os.environ, [*groups, *(path for path, _ in leaves(cls.model_construct()))])
        given = {name: value for name, value in options.items() if value is not None}
        try:
            settings = cls(**given)
        except ValidationError as error:
            raise _explained(error, given) from None
        except UnreadableError as error:
            what, advice = "a group of settings is not readable", "give JSON, or one variable a value with __"
            raise SettingsError(what, why=str(error), next_step=advice) from None
        settings._chosen = frozenset(given)
        return settings

    def source(self, path: tuple[str, ...]) -> str:
        """Say where a value came from: the command line, the variable's name, or the default."""
        if path[0] in self._chosen:
            return "command line"
        present = {name.upper() for name in os.environ}
        return next((name for name in (variable(path), variable(path[:1])) if name in present), "default")

    def topic(self, name: str) -> str:
        """Return a topic's name on this cluster, for this version of the model.

        Examples
        --------
        >>> Settings(topic_prefix="test.").topic("recs.home.v1")
        'test.recs.home.v1'
        """
        return named(name, prefix=self.topic_prefix, version=self.model_version)

    def topic_table(self, *, partitions: int = 4) -> dict[str, TopicSpec]:
        """Return the topics of this installation and version by their plain names."""
        return prefixed(
            self.topic_prefix,
            partitions=partitions,
            title_shards=self.title_shards,
            version=self.model_version,
        )

    @property
    def consumer_group(self) -> str:
        """Group of the workers of this version, and beginning of their transactional ids.

        Examples
        --------
        >>> Settings().consumer_group, Settings(model_version="blue").consumer_group
        ('nearline', 'nearline.blue')
        """
        return self.group if self.model_version == FIRST_VERSION else f"{self.group}.{self.model_version}"

    @property
    def state_folder(self) -> Path:
        """Folder of this version's databases."""
        first = self.model_version == FIRST_VERSION
        return self.state_dir if first else self.state_dir / f"version-{self.model_version}"

    @property
    def provenance(self) -> str:
        """What lists say about the model that made them: its version and its configuration."""
        return f"{self.model_version}@{self.model.fingerprint()}"


def _explained(error: ValidationError, given: Mapping[str, object]) -> SettingsError:
    """Translate the first complaint of pydantic into ours: which setting, what is wrong, what is allowed."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = tuple(str(part) for part in first["loc"])
    name = path[0] if path[0] in given else variable(path)
    field = Settings.model_fields.get(path[0])
    meaning = (field.description or "") if field else "`nearline config show` lists every setting"
    return SettingsError(f"{name} is not usable", why=first["msg"], next_step=meaning)
