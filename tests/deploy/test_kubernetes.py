"""The Kubernetes manifests conform to the schemas and to the promises of the documentation."""

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

#: The oldest supported version, and the newest that the validator knows.
VERSIONS = ("1.30", kubernetes_validate.latest_version())

#: The kinds that KEDA defines. No package has their schemas.
_OF_KEDA = {"ScaledObject", "TriggerAuthentication"}

Resource = dict[str, Any]


@pytest.fixture(scope="module", params=OVERLAYS)
def rendered(request: pytest.FixtureRequest) -> list[Resource]:
    """The resources of an overlay, as kustomize renders them."""
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl, which contains kustomize")
    command = ["kubectl", "kustomize", str(FOLDER / "overlays" / request.param)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [resource for resource in yaml.safe_load_all(text) if resource]


def resources() -> Iterator[tuple[str, Resource]]:
    """Yield the resources in the files with their names, without patches and kustomizations."""
    for path in sorted(FOLDER.rglob("*.yaml")):
        patch = path.parent.name == "gpu" or path.name in ("keys.yaml", "replicas.yaml")
        if path.name != "kustomization.yaml" and not patch:
            for resource in yaml.safe_load_all(path.read_text()):
                yield (
                    f"{path.parent.name}/{resource['kind']}/{resource['metadata']['name']}",
                    (resource),
                )


def of_kind(resources: list[Resource], *kinds: str) -> list[Resource]:
    return [resource for resource in resources if resource["kind"] in kinds]


def validate(resource: Resource, versions: tuple[str, ...] = VERSIONS) -> None:
    for version in versions:
        kubernetes_validate.validate(resource, version, strict=True)


@pytest.mark.parametrize(
    "resource",
    [pytest.param(each, id=name) for name, each in resources() if each["kind"] not in _OF_KEDA],
)
def test_every_resource_conforms_to_its_schema(resource: Resource) -> None:
    validate(resource, VERSIONS[-1:])


def test_an_unknown_field_is_refused_by_the_validator() -> None:
    deployment = dict(resources())["base/Deployment/easel-api"]
    deployment["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        validate(deployment)


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("kustomization.yaml")), ids=lambda path: path.parent.name
)
def test_a_kustomization_names_existing_files(path: Path) -> None:
    kustomization = yaml.safe_load(path.read_text())
    names = [
        *kustomization.get("resources", ()),
        *kustomization.get("components", ()),
        *(patch["path"] for patch in kustomization.get("patches", ())),
        *(
            env
            for each in kustomization.get("configMapGenerator", ())
            for env in each.get("envs", ())
        ),
    ]
    assert names
    for name in names:
        assert (path.parent / name).exists(), name


def test_every_rendered_overlay_conforms_to_the_schemas(rendered: list[Resource]) -> None:
    for resource in rendered:
        if resource["kind"] not in _OF_KEDA:
            validate(resource)


def test_every_pod_conforms_to_the_restricted_security_standard(rendered: list[Resource]) -> None:
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


def test_every_pod_is_selected_by_the_policy_that_denies_all(rendered: list[Resource]) -> None:
    policies = of_kind(rendered, "NetworkPolicy")
    (deny_all,) = (each for each in policies if each["metadata"]["name"] == "easel-nobody")
    assert deny_all["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & deny_all["spec"].keys()
    labels = deny_all["spec"]["podSelector"]["matchLabels"]
    for resource in of_kind(rendered, "Deployment", "StatefulSet"):
        assert labels.items() <= resource["spec"]["template"]["metadata"]["labels"].items()


def test_every_selector_selects_pods(rendered: list[Resource]) -> None:
    pods = [
        each["spec"]["template"]["metadata"]["labels"]
        for each in of_kind(rendered, "Deployment", "StatefulSet")
    ]
    for resource in of_kind(rendered, "Service", "PodDisruptionBudget", "NetworkPolicy"):
        spec = resource["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        labels = selector.get("matchLabels", {} if "matchExpressions" in selector else selector)
        assert any(labels.items() <= pod.items() for pod in pods), resource["metadata"]


def test_the_manifests_contain_no_secret(rendered: list[Resource]) -> None:
    assert of_kind(rendered, "Secret") == []
    for resource in of_kind(rendered, "Deployment", "StatefulSet"):
        for container in resource["spec"]["template"]["spec"]["containers"]:
            for variable in container.get("env", ()):
                secret = any(word in variable["name"] for word in ("URL", "SECRET", "PASSWORD"))
                assert secret == ("valueFrom" in variable)


def test_no_probe_depends_on_another_service(rendered: list[Resource]) -> None:
    for resource in of_kind(rendered, "Deployment"):
        (container,) = resource["spec"]["template"]["spec"]["containers"]
        probes = json.dumps([value for name, value in container.items() if name.endswith("Probe")])
        assert "livenessProbe" in container
        assert "readyz" not in probes


def test_the_grace_period_of_a_worker_is_longer_than_its_pre_stop_hook(
    rendered: list[Resource],
) -> None:
    (worker,) = (
        each
        for each in of_kind(rendered, "Deployment")
        if each["metadata"]["name"] == "easel-worker"
    )
    pod = worker["spec"]["template"]["spec"]
    command = pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"]
    assert command[:3] == ["python", "-m", "easel.worker.drain"]
    assert pod["terminationGracePeriodSeconds"] >= int(command[-1]) + 60


def test_keda_scales_by_the_keys_of_the_store() -> None:
    spec = dict(resources())["keda/ScaledObject/easel-worker"]["spec"]
    keys = {trigger["name"]: trigger["metadata"]["listName"] for trigger in spec["triggers"]}
    assert keys == {"queued": JOBS_QUEUED, "running": JOBS_RUNNING}
    assert spec["advanced"]["scalingModifiers"]["formula"] == "queued + running"


def test_the_ingress_routes_every_endpoint_except_metrics_and_readiness() -> None:
    route = re.compile(r'(?:@(?:router|app)\.\w+|\bRoute)\(\s*"(/[^"]*)"')
    modules = [path.read_text() for path in (ROOT / "api").rglob("*.py")]
    endpoints = {endpoint for text in modules for endpoint in route.findall(text)}
    assert {"/jobs", "/jobs/{job_id}/events", "/metrics", "/docs"} <= endpoints
    ingress = dict(resources())["ingress/Ingress/easel"]
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    exact = {each["path"] for each in paths if each["pathType"] == "Exact"}
    prefixes = {each["path"] for each in paths if each["pathType"] == "Prefix"}
    routed = {
        path
        for path in endpoints
        if path in exact or any(f"{path}/".startswith(f"{prefix}/") for prefix in prefixes)
    }
    assert endpoints - routed == {"/metrics", "/readyz"}
