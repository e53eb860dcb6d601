"""Settings: where values come from, and that wrong ones are refused with a text that helps."""

import os
from pathlib import Path

import pytest

from online_models.config import FactorizationConfig
from streams.config.settings import Settings
from streams.errors import SettingsError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start every test without variables of ours."""
    for name in [name for name in os.environ if name.upper().startswith("NEARLINE_")]:
        monkeypatch.delenv(name)


def test_defaults_reach_the_local_kafka_and_listen_on_loopback() -> None:
    """Without variables the product talks to what `nearline kafka start` starts, and listens on loopback."""
    settings = Settings.load()
    assert (settings.brokers, settings.http_host, settings.title_shards) == (
        "127.0.0.1:19092",
        "127.0.0.1",
        1,
    )


def test_option_wins_over_variable_wins_over_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The three sources have their order, and each value knows its own."""
    monkeypatch.setenv("NEARLINE_GROUP", "from-variable")
    monkeypatch.setenv("NEARLINE_BROKERS", "variable:1")
    settings = Settings.load(brokers="option:1", topic_prefix=None)
    assert (settings.brokers, settings.group, settings.topic_prefix) == ("option:1", "from-variable", "")
    sources = [settings.source((name,)) for name in ("brokers", "group", "topic_prefix")]
    assert sources == ["command line", "NEARLINE_GROUP", "default"]


def test_librdkafka_properties_get_their_dots(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable cannot have dots, so underscores become them."""
    monkeypatch.setenv("NEARLINE_KAFKA__SASL_MECHANISM", "SCRAM-SHA-512")
    settings = Settings.load()
    assert settings.kafka == {"sasl.mechanism": "SCRAM-SHA-512"}
    assert settings.source(("kafka", "sasl.mechanism")) == "NEARLINE_KAFKA__SASL_MECHANISM"


def test_hyper_parameters_are_settings_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and lists of the model's configuration can be set, the rest keeps its defaults."""
    monkeypatch.setenv("NEARLINE_MODEL__COWATCH__WINDOW", "20")
    monkeypatch.setenv("NEARLINE_MODEL__FACTORIZATION__HORIZONS", "[0.5, 0.9]")
    model = Settings.load().model
    assert (model.cowatch.window, model.factorization.horizons) == (20, (0.5, 0.9))
    assert model.factorization.factors == FactorizationConfig().factors


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("NEARLINE_THREADS", "many", "NEARLINE_THREADS is not usable: expected a whole number"),
        ("NEARLINE_HTTP_PORT", "70000", "less than or equal to 65535"),
        ("NEARLINE_SESSION_TIMEOUT_S", "1", "greater than or equal to 6"),
        ("NEARLINE_TOPIC_PREFIX", "a b", "NEARLINE_TOPIC_PREFIX"),
        ("NEARLINE_LOG_LEVEL", "loud", "NEARLINE_LOG_LEVEL"),
        ("NEARLINE_MODEL__COWATCH__WINDOW", "200", "window = 200 is outside"),
        ("NEARLINE_MODEL__COWATCH__WINDO", "5", "did you mean NEARLINE_MODEL__COWATCH__WINDOW"),
        ("NEARLINE_BROKER", "x", "did you mean NEARLINE_BROKERS"),
        ("NEARLINE_KAFKA", "acks=all", "not readable"),
    ],
)
def test_wrong_values_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str) -> None:
    """Each wrong variable ends in a usage error that names it."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=text) as caught:
        Settings.load()
    assert caught.value.exit_code == 2


def test_wrong_option_is_named_as_the_user_typed_it() -> None:
    """An option's error names the option, not a variable that was never set."""
    with pytest.raises(SettingsError, match=r"^http_port is not usable"):
        Settings.load(http_port=-1)


def test_cache_follows_the_xdg_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG_CACHE_HOME moves what can be fetched again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings.load().cache_dir == tmp_path / "nearline"


def test_every_setting_says_what_it_means() -> None:
    """No field lacks its docstring: `config show` and errors print it."""
    silent = [name for name, field in Settings.model_fields.items() if not field.description]
    assert silent == []


@pytest.mark.parametrize(
    "text", ["http://a:1/metrics,http://b:2/metrics", '["http://a:1/metrics", "http://b:2/metrics"]']
)
def test_lists_of_the_server_are_written_with_commas(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As brokers are; JSON, as in older installations, means the same. A wrong item is still refused."""
    monkeypatch.setenv("NEARLINE_SERVE__WORKERS", text)
    monkeypatch.setenv("NEARLINE_SERVE__PROXIES", "10.0.0.0/8, ::1")
    assert Settings.load().serve.workers == ("http://a:1/metrics", "http://b:2/metrics")
    assert Settings.load().serve.proxies == ("10.0.0.0/8", "::1")
    monkeypatch.setenv("NEARLINE_SERVE__PROXIES", "everybody")
    with pytest.raises(SettingsError, match="PROXIES"):
        Settings.load()
