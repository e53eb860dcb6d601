"""Translates the security settings for aiokafka, which fetches for Faust.

The operator writes librdkafka's property names (setting ``kafka``), which confluent-kafka takes unchanged.
"""

import ssl
from collections.abc import Mapping
from typing import Any

from aiokafka import errors as aiokafka

from streams.errors import AccessError, SettingsError

__all__ = ["aiokafka_options", "explained"]

_MECHANISMS = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
"""SASL mechanisms that both clients support without a plug-in."""
_REFUSALS = (
    aiokafka.TopicAuthorizationFailedError,
    aiokafka.GroupAuthorizationFailedError,
    aiokafka.ClusterAuthorizationFailedError,
)


def aiokafka_options(kafka: Mapping[str, str]) -> dict[str, Any]:
    """Translate librdkafka's security properties into aiokafka's arguments; ignore all others.

    Parameters
    ----------
    kafka
        librdkafka properties.

    Raises
    ------
    SettingsError
        aiokafka does not support the SASL mechanism.

    Examples
    --------
    >>> aiokafka_options({"security.protocol": "sasl_plaintext", "sasl.username": "worker"})
    {'security_protocol': 'SASL_PLAINTEXT', 'sasl_mechanism': 'PLAIN', 'sasl_plain_username': 'worker'}
    """
    protocol = kafka.get("security.protocol", "PLAINTEXT").upper()
    options: dict[str, Any] = {"security_protocol": protocol}
    if protocol.startswith("SASL_"):
        mechanism = kafka.get("sasl.mechanism") or kafka.get("sasl.mechanisms") or "PLAIN"
        if mechanism not in _MECHANISMS:
            what = f"SASL mechanism {mechanism} is not supported"
            raise SettingsError(what, next_step=f"use one of {', '.join(sorted(_MECHANISMS))}")
        options["sasl_mechanism"] = mechanism
        for ours, theirs in (
            ("sasl.username", "sasl_plain_username"),
            ("sasl.password", "sasl_plain_password"),
        ):
            if ours in kafka:
                options[theirs] = kafka[ours]
    if protocol.endswith("SSL"):
        options["ssl_context"] = _context(kafka)
    return options


def explained(error: BaseException) -> BaseException:
    """Translate aiokafka's errors of missing rights into `AccessError`; return all others unchanged.

    Examples
    --------
    >>> type(explained(aiokafka.GroupAuthorizationFailedError("nearline"))).__name__
    'AccessError'
    """
    if not isinstance(error, _REFUSALS):
        return error
    advice = "give this user the rights that deploy/kubernetes/strimzi/users.yaml names, then start again"
    return AccessError("the broker refuses this user", why=str(error), next_step=advice)


def _context(kafka: Mapping[str, str]) -> ssl.SSLContext:
    """Build the TLS context with the given or the system's authorities, and the client certificate if any."""
    context = ssl.create_default_context(cafile=kafka.get("ssl.ca.location"))
    if certificate := kafka.get("ssl.certificate.location"):
        password = kafka.get("ssl.key.password")
        context.load_cert_chain(certificate, kafka.get("ssl.key.location"), password)
    if kafka.get("ssl.endpoint.identification.algorithm", "https") == "none":
        context.check_hostname = False
    return context
