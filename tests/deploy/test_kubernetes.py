"""The Kubernetes manifests are what the schemas allow, and promise what the docs say."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from core.store.keys import JOBS_QUEUED, JOBS_RUNNING

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (FOLDER / "overlays").iterdir())

#: The oldest that is promised, and the newest that the validator knows.
VERSIONS = ("1.30", kubernetes_validate.latest_version())

#: What only KEDA defines; there is no schema of it to be had as a package.
_FOREIGN = {"ScaledObject", "TriggerAuthentication"}

Resource = dict[str, Any]


@pytest.fixture(scope="module", params=OVERLAYS)
def rendered(request: pytest.FixtureRequest) -> list[Resource]:
    """The resources of an overlay, as kustomize puts them together."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which has kustomize in it, is not installed")
    command = ["kubectl", "kustomize", str(FOLDER / "overlays" / request.param)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [each for each in yaml.safe_load_all(text) if each]


def resources() -> Iterator[tuple[str, Resource]]:
    """What is written in the files: neither patches, nor what is kustomize's own."""
    for path in sorted(FOLDER.rglob("*.yaml")):
        patch = path.parent.name == "gpu" or path.name in ("keys.yaml", "replicas.yaml")
        if path.name != "kustomization.yaml" and not patch:
            for resource in yaml.safe_load_all(path.read_text()):
                yield (
                    f"{path.parent.name}/{resource['kind']}/{resource['metadata']['name']}",
                    (resource),
                )


def of_kind(found: list[Resource], *kinds: str) -> list[Resource]:
    return [each for each in found if each["kind"] in kinds]


def validate(resource: Resource, versions: tuple[str, ...] = VERSIONS) -> None:
    for version in versions:
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize(
    "resource",
    [pytest.param(each, id=name) for name, each in resources() if each["kind"] not in _FOREIGN],
)
def test_what_is_written_is_what_the_schemas_allow(resource: Resource) -> None:
    validate(resource, VERSIONS[-1:])


def test_what_the_schemas_do_not_allow_is_found() -> None:
    deployment = dict(resources())["base/Deployment/easel-api"]
    deployment["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(deployment)


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("kustomization.yaml")), ids=lambda path: path.parent.name
)
def test_a_kustomization_names_files_that_are_there(path: Path) -> None:
    kustomization = yaml.safe_load(path.read_text())
    named = [
        *kustomization.get("resources", ()),
        *kustomization.get("components", ()),
        *(patch["path"] for patch in kustomization.get("patches", ())),
        *(
            env
            for each in kustomization.get("configMapGenerator", ())
            for env in each.get("envs", ())
        ),
    ]
    assert named
    for name in named:
        assert (path.parent / name).exists(), name


def test_every_overlay_is_what_the_schemas_allow(rendered: list[Resource]) -> None:
    for resource in rendered:
        if resource["kind"] not in _FOREIGN:
            validate(resource)


def test_every_pod_keeps_to_the_restricted_standard(rendered: list[Resource]) -> None:
    for resource in of_kind(rendered, "Deployment", "StatefulSet"):
        pod = resource["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_every_pod_is_denied_what_no_policy_allows(rendered: list[Resource]) -> None:
    policies = of_kind(rendered, "NetworkPolicy")
    (nobody,) = (each for each in policies if each["metadata"]["name"] == "easel-nobody")
    assert nobody["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & nobody["spec"].keys()
    labels = nobody["spec"]["podSelector"]["matchLabels"]
    for resource in of_kind(rendered, "Deployment", "StatefulSet"):
        assert labels.items() <= resource["spec"]["template"]["metadata"]["labels"].items()


def test_every_selector_finds_its_pods(rendered: list[Resource]) -> None:
    pods = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in of_kind(rendered, "Deployment", "StatefulSet")
    ]
    for resource in of_kind(rendered, "Service", "PodDisruptionBudget", "NetworkPolicy"):
        spec = resource["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        labels = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
        assert any(labels.items() <= pod.items() for pod in pods), resource["metadata"]


def test_no_secret_is_in_the_files(rendered: list[Resource]) -> None:
    assert of_kind(rendered, "Secret") == []
    for resource in of_kind(rendered, "Deployment", "StatefulSet"):
        for container in resource["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env", ()):
                secret = any(word in variable["name"] for word in ("URL", "SECRET", "PASSWORD"))
                assert secret == ("valueFrom" in variable)


def test_no_probe_depends_on_what_a_restart_does_not_bring_back(rendered: list[Resource]) -> None:
    for resource in of_kind(rendered, "Deployment"):
        (container,) = resource["spec"]["template"]["spec"]["containers"]
        probes = json.dumps([value for name, value in container.items() if name.endswith("Probe")])
        assert "livenessProbe" in container
        assert "readyz" not in probes


def test_a_worker_has_longer_to_go_than_its_hook_waits(rendered: list[Resource]) -> None:
    (worker,) = (
        each
        for each in of_kind(rendered, "Deployment")
        if each["metadata"]["name"] == "easel-worker"
    )
    pod = worker["spec"]["template"]["spec"]
    command = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command[:3] == ["python", "-m", "worker.drain"]
    assert pod["terminationGracePeriodSeconds"] >= int(command[-1]) + 60


def test_scaling_counts_the_sets_that_the_scripts_keep() -> None:
    found = dict(resources())["keda/ScaledObject/easel-worker"]["spec"]
    counted = {each["name"]: each["metadata"]["listName"] for each in found["triggers"]}
    assert counted == {"queued": JOBS_QUEUED, "running": JOBS_RUNNING}
    assert found["advanced"]["scalingModifiers"]["formula"] == "queued + running"


def test_the_ingress_leads_to_every_endpoint_but_those_that_tell_of_hosts() -> None:
    route = re.compile(r'(?:@(?:router|app)\.\w+|\bRoute)\(\s*"(/[^"]*)"')
    written = [route.findall(path.read_text()) for path in (ROOT / "api").rglob("*.py")]
    endpoints = {path for found in written for path in found}
    assert {"/jobs", "/jobs/{job_id}/events", "/metrics", "/docs"} <= endpoints
    ingress = dict(resources())["ingress/Ingress/easel"]
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    exact = {each["path"] for each in paths if each["pathType"] == "Exact"}
    prefixes = {each["path"] for each in paths if each["pathType"] == "Prefix"}
    led = {
        path
        for path in endpoints
        if path in exact or any(f"{path}/".startswith(f"{prefix}/") for prefix in prefixes)
    }
    assert endpoints - led == {"/metrics", "/readyz"}
