"""A real broker behind TLS, passwords and rights: its own authority, and the users of `deploy.strimzi`.

The test's own door is a plaintext listener on loopback, whose anonymous user may do everything; everybody
else comes through the secured one.
"""

import secrets
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from deploy.strimzi import user_documents
from streams.config.settings import Settings
from streams.kafka.clients import admin
from streams.ops.local_kafka.cluster import KafkaCluster
from streams.ops.local_kafka.node import CONTROLLER_PORT_STEP
from streams.ops.runs.worker_process import free_port

SECURE_STEP = 200
"""The secured listener's port above the plain one's."""
ITERATIONS = 4_096
"""Rounds of SCRAM: Kafka's least."""
RESOURCES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
}
PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}


class Secured(NamedTuple):
    """A secured cluster and its users."""

    cluster: KafkaCluster
    authority: Path
    passwords: dict[str, str]

    @property
    def address(self) -> str:
        """Return where the secured listener is."""
        return f"127.0.0.1:{self.cluster.nodes[0].port + SECURE_STEP}"

    def variables(self, user: str, **more: str) -> dict[str, str]:
        """Return what a user sets, as an operator would."""
        own = {
            "BROKERS": self.address,
            "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
            "KAFKA__SASL_USERNAME": user,
            "KAFKA__SASL_PASSWORD": self.passwords[user],
            "KAFKA__SSL_CA_LOCATION": str(self.authority),
        }
        return {f"NEARLINE_{name}": value for name, value in (own | more).items()}

    def settings(self, user: str, **more: Any) -> Settings:
        """Return a user's settings, for clients in this process."""
        kafka = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self.passwords[user],
            "ssl.ca.location": str(self.authority),
        }
        return Settings.load(brokers=self.address, kafka=kafka, **more)

    def plain(self, **more: Any) -> Settings:
        """Return the settings of the test's own door."""
        return Settings.load(brokers=self.cluster.bootstrap_servers, **more)

    def add(self, user: str, acls: Iterator[Mapping[str, Any]]) -> None:
        """Give a user a password and rights, as Strimzi's operator would."""
        password = self.passwords.setdefault(user, secrets.token_urlsafe(12))
        client = admin(self.plain())
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
        told = client.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(user, scram, password.encode())]
        )
        for answer in told.values():
            answer.result(10)
        bindings = [binding for acl in acls for binding in _bindings(user, acl)]
        for future in client.create_acls(bindings).values() if bindings else ():
            future.result(10)


def _bindings(user: str, acl: Mapping[str, Any]) -> Iterator[AclBinding]:
    """Yield an entry of a KafkaUser as the broker takes it."""
    about = acl["resource"]
    for operation in acl["operations"]:
        name = "DESCRIBE_CONFIGS" if operation == "DescribeConfigs" else operation.upper()
        yield AclBinding(
            RESOURCES[about["type"]], about["name"], PATTERNS[about["patternType"]],
            f"User:{user}", acl["host"], AclOperation[name], AclPermissionType.ALLOW,
        )  # fmt: skip


def secured(folder: Path, cache_dir: Path) -> Secured:
    """Make the certificates and the cluster that uses them; it is not started."""
    keys = folder / "keys"
    keys.mkdir(parents=True)
    _certificates(keys)
    port = free_port(CONTROLLER_PORT_STEP, SECURE_STEP)
    plain, controller = f"CLIENT://127.0.0.1:{port}", f"CONTROLLER://127.0.0.1:{port + CONTROLLER_PORT_STEP}"
    secure = f"SECURE://127.0.0.1:{port + SECURE_STEP}"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    properties = {
        "listeners": f"{plain},{controller},{secure}",
        "advertised.listeners": f"{plain},{secure}",
        "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SASL_SSL",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.secure.scram-sha-512.sasl.jaas.config": scram,
        "listener.name.secure.ssl.keystore.type": "PEM",
        "listener.name.secure.ssl.keystore.location": str(keys / "broker.pem"),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    cluster = KafkaCluster(folder, port=port, cache_dir=cache_dir, heap="384m", properties=properties)
    return Secured(cluster, keys / "authority.crt", {})


def add_users(broker: Secured, tenant: str | None = None) -> None:
    """Add everybody whom `deploy.strimzi` knows, of an installation without tenants or of one tenant."""
    for document in user_documents(tenant):
        broker.add(document["metadata"]["name"], iter(document["spec"]["authorization"]["acls"]))


def _certificates(keys: Path) -> None:
    """Make an authority, a second one that nobody knows, and the broker's key and certificate in one file."""
    for name in ("authority", "stranger"):
        _openssl(
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
            "-keyout", str(keys / f"{name}.key"), "-out", str(keys / f"{name}.crt"),
        )  # fmt: skip
    _openssl(
        "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=broker",
        "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
        "-keyout", str(keys / "broker.key"), "-out", str(keys / "broker.csr"),
    )  # fmt: skip
    _openssl(
        "x509", "-req", "-in", str(keys / "broker.csr"), "-copy_extensions", "copy", "-days", "2",
        "-CA", str(keys / "authority.crt"), "-CAkey", str(keys / "authority.key"),
        "-out", str(keys / "broker.crt"),
    )  # fmt: skip
    chain = [(keys / f"broker.{part}").read_text() for part in ("key", "crt")]
    (keys / "broker.pem").write_text("".join(chain))


def _openssl(*arguments: str) -> None:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
