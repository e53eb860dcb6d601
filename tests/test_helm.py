"""The Helm chart: it renders what kustomize builds, Kubernetes' schemas accept it, and Helm's linter does."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.test_kubernetes import FOLDER, ROOT, VERSION, Manifest, built, validate

CHART = ROOT / "deploy/helm/nearline"
VARIANTS = {
    "default": (FOLDER / "base", []),
    "development": (FOLDER / "overlays/development", ["-f", str(CHART / "values-development.yaml")]),
    "production": (FOLDER / "overlays/production", ["-f", str(CHART / "values-production.yaml")]),
}
"""What kustomize builds, and the values with which Helm renders the same."""


def _helm(*arguments: str | Path) -> str:
    """Run Helm."""
    if shutil.which("helm") is None:
        pytest.skip("there is no helm")
    version = ["--kube-version", VERSION]  # a Helm that `go install` built takes 1.20 for the cluster's
    done = subprocess.run(["helm", *arguments, *version], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _rendered(*values: str) -> list[Manifest]:
    text = _helm("template", "nearline", CHART, "--namespace", "nearline", *values)
    return [one for one in yaml.load_all(text, yaml.CSafeLoader) if one]


def _same(manifest: Manifest) -> Any:
    """Return a manifest without what differs by design.

    Names of generated ConfigMaps and Secrets end with a hash in kustomize, so that pods are replaced when one
    changes; Helm's pods have a checksum as an annotation for that. A job of Helm's is a hook. Lists of named
    things have no order.
    """

    def clean(value: Any) -> Any:
        if isinstance(value, list):
            parts = [clean(one) for one in value]
            named = all(isinstance(one, dict) and "name" in one for one in parts)
            return sorted(parts, key=lambda one: one["name"]) if named else parts
        if isinstance(value, dict):
            found = {name: clean(one) for name, one in value.items()}
            noted = found.get("annotations")
            if isinstance(noted, dict) and "summary" not in noted:
                found["annotations"] = {
                    n: v for n, v in noted.items() if not re.match(r"helm\.sh|checksum", n)
                }
                if not found["annotations"]:
                    del found["annotations"]
            return found
        return (
            re.sub(r"^(nearline|nearline-serve)-[0-9a-z]{10}$", r"\1", value)
            if isinstance(value, str)
            else value
        )

    return clean(manifest)


def _by_name(manifests: list[Manifest]) -> dict[tuple[str, str], Manifest]:
    return {(one["kind"], one["metadata"]["name"]): one for one in map(_same, manifests)}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_chart_renders_what_kustomize_builds(variant: str) -> None:
    """Every object, field by field; but for the namespace itself, which `helm install` creates."""
    folder, values = VARIANTS[variant]
    expected, found = _by_name(built(folder)), _by_name(_rendered(*values))
    expected.pop(("Namespace", "nearline"), None)
    if variant == "default":  # a base names no image's version and no namespace: overlays do
        for one in found.values():
            assert one["metadata"].pop("namespace") == "nearline"
            for container in one.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
                container["image"] = container["image"].partition(":")[0]
    assert set(found) == set(expected)
    for name, one in expected.items():
        assert found[name] == one, name


@pytest.mark.parametrize("variant", VARIANTS)
def test_kubernetes_accepts_what_is_rendered(variant: str) -> None:
    """Every field of Kubernetes' own kinds is one, strictly."""
    for manifest in _rendered(*VARIANTS[variant][1]):
        validate(manifest)


@pytest.mark.parametrize("variant", VARIANTS)
def test_helm_has_nothing_to_say(variant: str) -> None:
    """Neither an error nor a warning; the recommended icon is a picture on a server, and there is none."""
    said = _helm("lint", "--strict", "--quiet", CHART, *VARIANTS[variant][1])
    assert "WARNING" not in said


@pytest.mark.parametrize(
    "wrong", ["workers.worker.replica=3", "kafka.secured=maybe", "settings.BROKERS=x", "image.digest=latest"]
)
def test_a_wrong_value_is_refused(wrong: str) -> None:
    """The chart's schema knows the values: a misspelt one changes nothing and says so."""
    with pytest.raises(AssertionError, match="values don't meet the specifications"):
        _rendered("--set", wrong)


def test_settings_replace_pods() -> None:
    """With other settings the template of each pod differs, so that Kubernetes replaces it."""

    def sums(*values: str) -> set[str]:
        pods = [one["spec"]["template"] for one in _rendered(*values) if "template" in one.get("spec", {})]
        return {one["metadata"]["annotations"]["checksum/settings"] for one in pods}

    (before,), (after,) = sums(), sums("--set", "settings.NEARLINE_THREADS=2")
    assert before != after


def test_the_console_asks_as_many_workers_as_always_run() -> None:
    """As many as there are, or KEDA's least number of them."""
    for values, number in ((["workers.worker.replicas=3"], 3), (["keda.enabled=true", "keda.min=4"], 4)):
        (serve,) = [
            one
            for one in _rendered(*(x for v in values for x in ("--set", v)))
            if one["kind"] == "Deployment"
        ]
        (container,) = serve["spec"]["template"]["spec"]["containers"]
        variables = {one["name"]: one.get("value") for one in container["env"]}
        assert len(json.loads(variables["NEARLINE_SERVE__WORKERS"] or "")) == number


def test_the_charts_version_is_the_products() -> None:
    """What the chart starts by default is the image of this version."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert (chart["version"], chart["appVersion"]) == (version, version)


def test_every_value_has_a_place_in_the_schema() -> None:
    """Nothing of values.yaml is unknown to the schema, at any depth."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    def unknown(value: Any, known: Any, path: str) -> list[str]:
        if not isinstance(value, dict) or known.get("additionalProperties") is not False:
            return []
        missing = [f"{path}.{name}" for name in value if name not in known["properties"]]
        return missing + [
            one
            for name in value.keys() & known["properties"]
            for one in unknown(value[name], known["properties"][name], f"{path}.{name}")
        ]

    assert unknown(values, schema, "values") == []
