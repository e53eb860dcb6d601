"""Every setting of the product, and the only reader of the environment.

A setting ``name`` is read from the variable ``NEARLINE_NAME``; a part of a group follows two underscores, as
in ``NEARLINE_KAFKA__SECURITY_PROTOCOL=SASL_SSL``. A command-line option of the same meaning wins over the
variable, the variable over the default. A variable that starts with ``NEARLINE_`` and names no setting is an
error with a suggestion: a misspelt setting that is ignored would only be noticed in production.

``nearline config show`` prints the effective values and the source of each.
"""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from online_models.config import ModelConfig
from online_models.page.config import PageConfig
from schemas.topics import TopicSpec, named, prefixed
from schemas.versions import FIRST_VERSION
from streams.config.variables import PREFIX, leaves, lists_read, refuse_unknown, split_list, variable
from streams.errors import SettingsError

PROCESS_FOLDER = "process-"
"""The folder of a process's databases is called so, with its number."""


def _default_cache_dir() -> Path:
    """Return the user's cache folder, as the XDG base directory specification has it."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nearline"


def child_environment() -> dict[str, str]:
    """Return the environment for a worker started by this process: ours without the HTTP port."""
    return {name: value for name, value in os.environ.items() if name.upper() != f"{PREFIX}HTTP_PORT"}


class ServeSettings(BaseModel):
    """Settings of `nearline serve`: its address, access and limits.

    Examples
    --------
    >>> ServeSettings().loopback, ServeSettings(host="0.0.0.0").loopback
    (True, False)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address to listen on. Default: loopback; any other address needs keys."""

    port: int = Field(default=8080, ge=0, le=65_535)
    """Port; 0 takes any free one. Default 8080: the worker has 8000."""

    token: SecretStr | None = Field(default=None, min_length=16)
    """One key with all scopes (`Authorization: Bearer …`; browsers: a form), for development. Default:
    none."""

    keys: Path | None = None
    """File of API keys, as `nearline keys add` writes it; read again when it changes. Default: none."""

    session_secret: SecretStr | None = Field(default=None, min_length=16)
    """Signs session cookies; the same for all servers of a name. Default: the token, else random at each
    start."""

    origins: Annotated[tuple[str, ...], NoDecode] = ()
    """Origins whose pages may call the API (CORS), as JSON: ["https://tv.example"]. Default: none."""

    impressions: bool = True
    """Whether the web page sends impressions. Default: yes; switch it off where staff views viewers'
    pages."""

    workers: Annotated[tuple[str, ...], NoDecode] = ("http://127.0.0.1:8000/metrics",)
    """URLs of workers' /metrics, for the console. Default: one worker on this machine."""

    rate: float = Field(default=5_000.0, ge=0.0)
    """Maximum requests per second of one address, 0 = no limit. Default: stops a runaway loop, not a
    gateway."""

    streams: int = Field(default=1_000, ge=1, le=100_000)
    """Maximum number of open live streams. Default 1,000: each holds a socket and a few kB."""

    connections: int = Field(default=500, ge=2, le=100_000)
    """Maximum number of connections of one address; half of them may be live streams. Default 500: a
    benchmark or an office, and a quarter of the server's."""

    proxies: Annotated[tuple[str, ...], NoDecode] = ()
    """Addresses or networks of reverse proxies, as JSON: ["10.0.0.0/8"]. Their X-Forwarded-For names the
    client, and they may hold any number of connections. Default: none, the header is not read."""

    @field_validator("origins", "workers", "proxies", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        """Read a list from a variable: with commas, as `brokers`, or as JSON."""
        return split_list(value)

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what is neither an address nor a network."""
        for one in value:
            ipaddress.ip_network(one)
        return value

    @property
    def loopback(self) -> bool:
        """Return whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


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
    """Kafka brokers, as host:port[,host:port…]. Default: the address of `nearline kafka start`."""

    connect_timeout_s: float = Field(5.0, gt=0.0, le=300.0)
    """Seconds to wait for a cluster's first answer. Default 5: a loaded, distant broker takes about 1 s."""

    group: str = Field("nearline", pattern=r"^[A-Za-z0-9._-]{1,200}$")
    """Consumer group and prefix of every transactional id: two groups on a cluster are independent."""

    topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    """Prefix of every topic name, so that environments can share a cluster. Default: none."""

    tenant: str | None = Field(None, pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    """Name of the tenant; topic prefix, group and state folder begin with it. Default: no tenants."""

    profiles: bool = False
    """Whether each profile is a viewer of its own, `viewer:profile`. Default: no, one viewer per account."""

    model_version: str = Field(FIRST_VERSION, pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    """Version of the model that this worker learns; it has its own group, state and internal topics."""

    state_dir: Path = Path(".nearline/state")
    """Folder of the local databases, one per stage and source partition. Changelogs rebuild a lost one."""

    cache_dir: Path = Field(default_factory=_default_cache_dir)
    """Folder for downloads (the broker's jars). Default: the user's cache folder (XDG)."""

    http_host: str = Field("127.0.0.1", min_length=1)
    """Address of /livez, /readyz and /metrics. Default: loopback, because they need no password."""

    http_port: int = Field(8000, ge=0, le=65_535)
    """Port of /livez, /readyz and /metrics; 0 takes any free one. Default: free on most machines."""

    title_shards: int = Field(1, ge=1, le=256)
    """Partitions over which titles are spread. Default 1: one learns tens of thousands of events/s."""

    processes: str = Field("1", pattern=r"^(auto|[1-9][0-9]{0,2})$")
    """Processes of `nearline worker`, or auto: one a core that this process may use, at most one a partition.

    Each has partitions, state (process-0, process-1, …) and a place in the group of its own; they share
    /livez, /readyz and /metrics. Default 1."""

    process_number: int | None = Field(None, ge=0, le=999)
    """Number of this process among those of one worker. Default: none; the worker's supervisor sets it."""

    threads: int = Field(2, ge=1, le=64)
    """Threads of a process that learn and rank. Default 2: more starve a broker on the same cores
    (measured)."""

    viewers_batch_events: int = Field(8_000, ge=1, le=1_000_000)
    """Maximum events in a batch of the viewers stage. Default 8,000: 21,000 events/s; 4,000 gave 16,000."""

    viewers_batch_bytes: int = Field(4_000_000, ge=1_000, le=1_000_000_000)
    """Maximum bytes of events in a batch of the viewers stage. Default: 500 bytes per event."""

    titles_batch_events: int = Field(4_000, ge=1, le=1_000_000)
    """Maximum signal records in a batch of the titles stage. Default: half of the viewers stage."""

    titles_floor_s: float = Field(0.1, ge=0.0, le=60.0)
    """Minimum seconds between two batches of titles. Default 0.1: a popular row is written 10 times/s."""

    lead_events: int = Field(0, ge=0)
    """Maximum lead of the viewers over the title model, in events; 0 = no limit. Default 0: only replays
    lead."""

    replica_timeout_s: float = Field(60.0, gt=0.0, le=3_600.0)
    """Seconds for the replica of titles to catch up at start. Default: 100,000 titles take a few seconds."""

    session_timeout_s: float = Field(10.0, ge=6.0, le=300.0)
    """Seconds after which the group reassigns a silent worker's partitions. Brokers refuse less than 6."""

    group_instance_id: str | None = Field(None, pattern=r"^[A-Za-z0-9._-]{1,200}$")
    """Group instance id of this worker (static membership), unique among workers. Default: none.

    With it a worker that restarts within session_timeout_s gets its partitions back at once, and no other
    partitions move. The partitions of a worker that stops for good wait until then. Raise session_timeout_s
    to the duration of a restart. In a StatefulSet: env NEARLINE_GROUP_INSTANCE_ID, valueFrom fieldRef
    metadata.name."""

    watchdog_s: float = Field(60.0, ge=5.0, le=3_600.0)
    """Seconds with work and without progress after which the worker ends itself. Default 60."""

    prequential_share: float = Field(0.05, ge=0.0, le=1.0)
    """Share of events that are ranked before they are learned. Default 0.05: each costs one ranking."""

    list_length: int = Field(20, ge=1, le=200)
    """Titles in a row. Default 20: viewers lose interest after 10 to 20 (Gomez-Uribe and Hunt, 2016)."""

    page: PageConfig = Field(default_factory=PageConfig)
    """Layout of a page (NEARLINE_PAGE__ROWS=1: only top picks); see online_models/page/config.py."""

    page_interval_s: float = Field(1.0, ge=0.0, le=60.0)
    """Minimum seconds between two pages of a viewer. The first change is published at once, later changes at
    the end of the interval; 0 = a page with every batch. Default 1: nobody views a page more often than
    that."""

    list_per_event: bool = False
    """Whether each event with feedback gets a page, regardless of page_interval_s. Default: no."""

    list_ttl_s: float = Field(86_400.0, gt=0.0)
    """Seconds after which a page expires. Default: one day."""

    event_time: bool = False
    """Whether windows, rules and experiments go by the times of events alone, and no clock bounds these: for
    replays of the past. Default: no, they go by the worker's clock."""

    check_crcs: bool = True
    """Whether checksums of records are verified. The embedded cluster writes transaction markers without
    one."""

    serve: ServeSettings = ServeSettings()
    """Settings of `nearline serve` (NEARLINE_SERVE__PORT=8080): `ServeSettings`."""

    kafka: dict[str, str] = Field(default_factory=dict)
    """Any librdkafka property: NEARLINE_KAFKA__SASL_MECHANISM sets sasl.mechanism. Default: none."""

    schema_registry: dict[str, str] = Field(default_factory=dict)
    """Properties of Confluent's registry client, for events in Avro: NEARLINE_SCHEMA_REGISTRY__URL sets url.
    Default: none, events are JSON; needs nearline[avro]."""

    traces: bool = False
    """Whether batches join the traces of events with a `traceparent`. Default: no; needs nearline[otel]."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest level that is logged."""

    log_format: Literal["auto", "json", "console"] = "auto"
    """json, console, or auto: console on a terminal, JSON elsewhere."""

    model: ModelConfig = Field(default_factory=ModelConfig)
    """Every hyper-parameter (NEARLINE_MODEL__COWATCH__WINDOW=20); see online_models/config.py."""

    _chosen: frozenset[str] = PrivateAttr(default=frozenset())

    @model_validator(mode="before")
    @classmethod
    def _of_tenant(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Begin names with the tenant."""
        names = ("topic_prefix", "group", "state_dir")
        return tenant_values(values, defaults={name: cls.model_fields[name].default for name in names})

    @field_validator("kafka", "schema_registry")
    @classmethod
    def _dotted(cls, value: dict[str, str]) -> dict[str, str]:
        """Translate names in variables to those of Confluent's clients, none of which has an underscore."""
        return {name.lower().replace("_", "."): text for name, text in value.items()}

    @field_validator("model", mode="before")
    @classmethod
    def _with_lists(cls, value: object) -> object:
        """Read lists of numbers in the group: a variable gives them as JSON text."""
        return lists_read(value)

    @classmethod
    def load(cls, **options: Any) -> Self:  # noqa: ANN401 - one value of any setting's type
        """Read the environment, override it by the options that are not None, and check everything.

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
            what, advice = (
                "a group of settings is not readable",
                "give JSON, or one variable per value with __",
            )
            raise SettingsError(what, why=str(error), next_step=advice) from None
        settings._chosen = frozenset(given)
        return settings

    def source(self, path: tuple[str, ...]) -> str:
        """Return the source of a value: `command line`, the name of the variable, or `default`."""
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
        """Group of the workers of this version, and prefix of their transactional ids.

        Examples
        --------
        >>> Settings().consumer_group, Settings(model_version="blue").consumer_group
        ('nearline', 'nearline.blue')
        """
        return self.group if self.model_version == FIRST_VERSION else f"{self.group}.{self.model_version}"

    @property
    def state_folder(self) -> Path:
        """Folder of the databases of this version, and of this process if it is one of several.

        Examples
        --------
        >>> Settings(state_dir=Path("state"), model_version="blue", process_number=2).state_folder.as_posix()
        'state/version-blue/process-2'
        """
        first = self.model_version == FIRST_VERSION
        folder = self.state_dir if first else self.state_dir / f"version-{self.model_version}"
        return folder if self.process_number is None else folder / f"{PROCESS_FOLDER}{self.process_number}"

    @property
    def provenance(self) -> str:
        """Version and configuration of the model, as lists name them."""
        return f"{self.model_version}@{self.model.fingerprint()}"


_EXPECTED = {
    "int_parsing": "expected a whole number",
    "float_parsing": "expected a number",
    "bool_parsing": "expected true or false",
}
"""Plain words for pydantic's types of errors whose own words speak of parsing strings."""


def _explained(error: ValidationError, given: Mapping[str, object]) -> SettingsError:
    """Translate pydantic's first error: which setting, what is wrong, what is allowed."""
    first = error.errors(include_url=False, include_input=False)[0]
    path = tuple(str(part) for part in first["loc"])
    name = path[0] if path[0] in given else variable(path)
    field = Settings.model_fields.get(path[0])
    meaning = (field.description or "") if field else "`nearline config show` lists every setting"
    why = _EXPECTED.get(first["type"], first["msg"])
    return SettingsError(f"{name} is not usable", why=why, next_step=f"correct it, or unset it. {meaning}")


def tenant_values(values: dict[str, Any], *, defaults: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a tenant: topic prefix, group and state folder begin with its name.

    A tenant has topics, a consumer group, transactional ids and a folder of its own, so that no process of
    one tenant reads data of another by mistake. Brokers enforce the separation with prefixed ACLs. A prefix
    and a group that begin with the name already, and a folder that ends with `tenant-` and the name, are not
    changed: worker processes are started with the settings of their parent.

    Parameters
    ----------
    values
        Settings by name, as given.
    defaults
        Defaults of ``topic_prefix``, ``group`` and ``state_dir``.

    Examples
    --------
    >>> given = {"tenant": "acme", "topic_prefix": "test."}
    >>> default = {"topic_prefix": "", "group": "nearline", "state_dir": Path("state")}
    >>> found = tenant_values(given, defaults=default)
    >>> found["topic_prefix"], found["group"], found["state_dir"].as_posix()
    ('acme.test.', 'acme.nearline', 'state/tenant-acme')
    >>> tenant_values(found, defaults={}) == found
    True
    """
    tenant = values.get("tenant")
    if not tenant:
        return values
    out, start = dict(values), f"{tenant}."
    for name in ("topic_prefix", "group"):
        value = str(out.get(name, defaults.get(name, "")))
        out[name] = value if value.startswith(start) else f"{start}{value}"
    folder = Path(out.get("state_dir", defaults.get("state_dir", ".")))
    own = f"tenant-{tenant}"  # no tenant's name: "state" would be the folder of the installation itself
    out["state_dir"] = folder if folder.name == own else folder / own
    return out
