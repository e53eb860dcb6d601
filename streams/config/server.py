"""The settings of `nearline serve`: a group of its own in :class:`streams.config.settings.Settings`."""

import ipaddress

from pydantic import BaseModel, ConfigDict, Field, SecretStr

__all__ = ["ServeSettings"]


class ServeSettings(BaseModel):
    """Where it listens, who may ask, and how much.

    Examples
    --------
    >>> ServeSettings().loopback, ServeSettings(host="0.0.0.0").loopback
    (True, False)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    host: str = Field(default="127.0.0.1", min_length=1)
    """Address that it listens on. Default: loopback; any other one needs a token."""

    port: int = Field(default=8080, ge=0, le=65_535)
    """Port; 0 takes any free one. Default: beside the worker's 8000."""

    token: SecretStr | None = Field(default=None, min_length=16)
    """What clients show (`Authorization: Bearer …`; browsers: in a form). Default: none, on loopback."""

    origins: tuple[str, ...] = ()
    """Origins whose pages may read the interface (CORS), as JSON: ["https://tv.example"]. Default: none."""

    impressions: bool = True
    """Whether the page tells what its viewer saw. Default: yes; no where staff looks at viewers' pages."""

    workers: tuple[str, ...] = ("http://127.0.0.1:8000/metrics",)
    """Workers' /metrics, for the console. Default: one worker on this machine."""

    rate: float = Field(default=5_000.0, ge=0.0)
    """Most requests per second of one address, 0 = any. Default: stops a runaway loop, not a busy gateway."""

    streams: int = Field(default=1_000, ge=1, le=100_000)
    """Most live streams open at once. Default 1,000: each holds a socket and a few kB."""

    @property
    def loopback(self) -> bool:
        """Say whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"
