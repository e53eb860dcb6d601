"""The manifests: Kubernetes' own schemas accept them, and they agree with the product."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from deploy import strimzi
from schemas.topics import CO_PARTITIONED, TOPICS
from streams.config.settings import Settings
from streams.errors import SettingsError
from streams.stages.analytics.worker import own_settings
from streams.stages.experiments import worker as results_worker
from streams.stages.insights import worker as insights_worker
from tests.test_deploy import PINNED

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = ("development", "production")
VERSION = kubernetes_validate.latest_version()
CUSTOM = {
    "kafka.strimzi.io/v1",
    "keda.sh/v1alpha1",
    "monitoring.coreos.com/v1",
    "kustomize.config.k8s.io/v1beta1",
    "kustomize.config.k8s.io/v1alpha1",
}
"""Kinds of operators and of kustomize, which Kubernetes' own schemas do not have."""

Manifest = dict[str, Any]


def _files() -> list[Path]:
    """Return every manifest, but for patches, which are no whole ones."""
    patches = {
        FOLDER / f"overlays/production/{name}.yaml" for name in ("worker", "serve", "experiments", "insights")
    }
    more = [ROOT / f"deploy/observability/{name}.yaml" for name in ("pods", "rules", "kustomization")]
    return sorted({*FOLDER.rglob("*.yaml")} - patches) + more


def _read(file: Path) -> list[Manifest]:
    return list(yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader))


def built(folder: Path) -> list[Manifest]:
    """Let kustomize build a folder."""
    if shutil.which("kubectl") is None:
        pytest.skip("there is no kubectl to run kustomize with")
    done = subprocess.run(["kubectl", "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return list(yaml.load_all(done.stdout, yaml.CSafeLoader))


def _overlay(name: str) -> list[Manifest]:
    return built(FOLDER / "overlays" / name)


def _pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    return (one["spec"]["template"]["spec"] for one in manifests if "template" in one.get("spec", {}))


def validate(manifest: Manifest) -> None:
    """Check a manifest by the schemas of Kubernetes, if it is of one of its own kinds."""
    if manifest["apiVersion"] not in CUSTOM:
        kubernetes_validate.validate(manifest, VERSION, strict=True)


@pytest.mark.parametrize("file", _files(), ids=lambda file: file.relative_to(ROOT / "deploy").as_posix())
def test_kubernetes_accepts(file: Path) -> None:
    """Every field of Kubernetes' own kinds is one, strictly."""
    for manifest in _read(file):
        validate(manifest)


def test_a_misspelt_field_is_found() -> None:
    """The check of the other tests can fail."""
    worker = _read(FOLDER / "base/worker.yaml")[0]
    worker["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(worker)


def _selects(selector: Manifest, labels: dict[str, str]) -> bool:
    """Say whether a selector takes a pod with these labels."""
    wanted = selector.get("matchLabels", {})
    among = selector.get("matchExpressions", ())
    return wanted.items() <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in among)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_whole(overlay: str) -> None:
    """Kustomize builds it; schemas accept it; selectors and names that refer to something find it."""
    manifests = _overlay(overlay)
    for manifest in manifests:
        validate(manifest)
    names = {(one["kind"], one["metadata"]["name"]) for one in manifests}
    pods = [
        one["spec"]["template"]["metadata"]["labels"]
        for one in manifests
        if "template" in one.get("spec", {})
    ]
    for one in manifests:
        match one["kind"]:
            case "Service":
                assert any(one["spec"]["selector"].items() <= labels.items() for labels in pods)
            case "PodDisruptionBudget" | "PodMonitor":
                assert any(_selects(one["spec"]["selector"], labels) for labels in pods)
            case "ScaledObject" | "HorizontalPodAutoscaler":
                target = one["spec"]["scaleTargetRef"]
                assert (target["kind"], target["name"]) in names


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_may_do_nothing(overlay: str) -> None:
    """Nobody special, read-only root, no capabilities, no token of the cluster, a limit of memory."""
    found = list(_pods(_overlay(overlay)))
    assert found
    for pod in found:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]}  # noqa: S108


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_settings_of_the_pods_load(overlay: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every NEARLINE_ variable is a setting with a value that it takes."""
    manifests = _overlay(overlay)
    shared = next(
        m["data"] for m in manifests if m["kind"] == "ConfigMap" and "NEARLINE_BROKERS" in m["data"]
    )
    for pod in _pods(manifests):
        for container in pod["containers"]:
            own = {one["name"]: one.get("value", "x" * 16) for one in container.get("env", ())}
            with monkeypatch.context() as patch:
                for name, value in (shared | own).items():
                    patch.setenv(name, value)
                settings = Settings.load()
            assert settings.brokers == shared["NEARLINE_BROKERS"]


def test_the_network_lets_names_through() -> None:
    """The DNS rule selects the cluster's DNS and nothing else: no label of ours has slipped into it."""
    policy = next(
        m for m in _overlay("production") if m["metadata"]["name"] == "nearline" and "Network" in m["kind"]
    )
    assert policy["spec"]["egress"][0]["to"][0]["podSelector"] == {"matchLabels": {"k8s-app": "kube-dns"}}
    assert policy["spec"]["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "nearline"}}


def test_a_worker_keeps_its_place() -> None:
    """Its group instance id is its stable name, and the session outlives a restart."""
    (pod,) = _pods(_read(FOLDER / "base/worker.yaml")[:1])
    env = {one["name"]: one for one in pod["containers"][0]["env"]}
    assert env["NEARLINE_GROUP_INSTANCE_ID"]["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    assert float(env["NEARLINE_SESSION_TIMEOUT_S"]["value"]) >= pod["terminationGracePeriodSeconds"]


def test_strimzi_has_every_topic() -> None:
    """Topics are those of the table; what shares partitions has equally many; replicas outlive a broker."""
    found = {one["metadata"]["name"]: one["spec"] for one in _read(FOLDER / "strimzi/topics.yaml")}
    assert set(found) == set(TOPICS)
    assert len({found[name]["partitions"] for name in CO_PARTITIONED}) == 1
    for name, spec in found.items():
        assert spec["config"].items() >= TOPICS[name].settings().items()
        assert spec["replicas"] > int(spec["config"]["min.insync.replicas"])


def test_strimzi_users_have_the_least_rights() -> None:
    """Producers cannot read, consumers cannot write, and nobody may everything."""
    rights: dict[str, set[tuple[str, str]]] = {}
    for user in _read(FOLDER / "strimzi/users.yaml"):
        for acl in user["spec"]["authorization"]["acls"]:
            kind, operations = acl["resource"]["type"], acl["operations"]
            rights.setdefault(user["metadata"]["name"], set()).update((kind, one) for one in operations)
    assert ("topic", "Read") not in rights["events-producer"]
    assert ("topic", "Write") not in rights["pages-consumer"]
    assert ("transactionalId", "Write") in rights["nearline-worker"]
    assert not any(
        operation in {"All", "Alter", "Create", "Delete"} for r in rights.values() for _, operation in r
    )


def test_users_of_a_tenant_have_what_its_processes_use() -> None:
    """Topics and users of a tenant are those without one, by the names that the setting gives them."""
    settings = Settings(tenant="acme")
    own = {document["metadata"]["name"] for document in strimzi.topic_documents("acme")}
    assert own == {spec.name for spec in settings.topic_table().values()}
    for plain, user in zip(strimzi.user_documents(), strimzi.user_documents("acme"), strict=True):
        assert user["metadata"]["name"] == f"acme.{plain['metadata']['name']}"
        acls, expected = (one["spec"]["authorization"]["acls"] for one in (user, plain))
        for acl in expected:
            acl["resource"]["name"] = f"acme.{acl['resource']['name']}"
        assert acls == expected
    worker = next(strimzi.user_documents("acme"))["spec"]["authorization"]["acls"]
    others = {acl["resource"]["name"] for acl in worker if acl["resource"]["type"] != "topic"}
    assert others == {settings.consumer_group}


def test_a_tenants_manifests_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """All topics and users in one file, as the functions give them; or the name is refused."""
    assert strimzi.main(["acme"]) == 0
    documents = list(yaml.safe_load_all(capsys.readouterr().out))
    assert documents == [*strimzi.topic_documents("acme"), *strimzi.user_documents("acme")]
    with pytest.raises(SystemExit):
        strimzi.main(["nearline"])


@pytest.mark.parametrize("name", ["nearline", "nearline-two", "events-producer", "a.b", "A", ""])
def test_no_tenant_takes_the_names_of_others(name: str) -> None:
    """Groups without a tenant are given by prefix: no tenant's groups begin like them."""
    with pytest.raises(SettingsError):
        list(strimzi.user_documents(name))


def test_the_counting_workers_have_rights_in_their_group() -> None:
    """Groups and transactional ids of the workers beside the lists begin as the worker's rights do."""
    (acl,) = (
        acl["resource"]
        for user in _read(FOLDER / "strimzi/users.yaml")
        for acl in user["spec"]["authorization"]["acls"]
        if acl["resource"]["type"] == "transactionalId"
    )
    assert acl["patternType"] == "prefix"
    for name in (results_worker.NAME, insights_worker.NAME):
        assert own_settings(Settings(), name).consumer_group.startswith(acl["name"])


def test_the_server_joins_no_group() -> None:
    """It shows positions; who may read in a group could take partitions from workers."""
    (user,) = [
        u for u in _read(FOLDER / "strimzi/users.yaml") if u["metadata"]["name"] == "nearline-serve-user"
    ]
    found = [a for a in user["spec"]["authorization"]["acls"] if a["resource"]["type"] == "group"]
    assert [acl["operations"] for acl in found] == [["Describe"]]


def test_the_console_reaches_the_workers_that_it_asks() -> None:
    """Egress of the server and ingress of workers, at the port of their metrics, to pods that always run."""
    (serve,) = [d for d in _read(FOLDER / "base/serve.yaml") if d["kind"] == "Deployment"]
    (workers,) = [d for d in _read(FOLDER / "base/worker.yaml") if d["kind"] == "StatefulSet"]
    (container,) = serve["spec"]["template"]["spec"]["containers"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    asked = json.loads(variables["NEARLINE_SERVE__WORKERS"])
    name, number = workers["spec"]["serviceName"], workers["spec"]["replicas"]
    assert asked == [f"http://worker-{n}.{name}:8000/metrics" for n in range(number)]
    (policy,) = [d for d in _read(FOLDER / "base/network.yaml") if d["metadata"]["name"] == "nearline"]
    port = [{"port": 8000, "protocol": "TCP"}]

    def components(rules: list[Any], side: str) -> set[str]:
        return {
            one["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            for rule in rules if rule["ports"] == port
            for one in rule[side] if "podSelector" in one
        }  # fmt: skip

    assert components(policy["spec"]["egress"], "to") == {"worker"}
    assert components(policy["spec"]["ingress"], "from") == {"serve"}


def test_scaling_knows_the_group_and_the_topic() -> None:
    """KEDA looks at the group that workers have by default, and starts no more than there are partitions."""
    scaled, _ = _read(FOLDER / "keda/worker.yaml")
    trigger = scaled["spec"]["triggers"][0]["metadata"]
    topic = next(
        t for t in _read(FOLDER / "strimzi/topics.yaml") if t["metadata"]["name"] == trigger["topic"]
    )
    assert trigger["consumerGroup"] == Settings().consumer_group
    assert scaled["spec"]["minReplicaCount"] >= 2
    assert scaled["spec"]["maxReplicaCount"] <= topic["spec"]["partitions"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_images_are_pinned(overlay: str) -> None:
    """By an exact version or a digest, not whatever is newest."""
    images = [c["image"] for pod in _pods(_overlay(overlay)) for c in pod["containers"]]
    assert images
    assert [image for image in images if not PINNED.search(image)] == []
