"""The Dockerfiles and Compose files, as far as one can check them without a Docker engine.

``make compose-test`` builds the images and runs the service.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.settings.model import Settings
from tools.cpu_only import NEEDED, without_cuda

ROOT = Path(__file__).parent.parent.parent
DOCKERFILES = [ROOT / "Dockerfile.api", ROOT / "Dockerfile.worker"]
OWN = ("api", "worker")
LOCK = (ROOT / "requirements" / "worker.txt").read_text()


def load(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / name).read_text()))


COMPOSE = load("docker-compose.yml")["services"]
GPU = load("docker-compose.gpu.yml")["services"]
#: The variables that Compose passes on from the environment or ``.env``.
PASSED_ON = {
    line
    for line in (ROOT / "deploy/compose/settings.env").read_text().splitlines()
    if not line.startswith("#")
}


def setting(name: str) -> str:
    return f"EASEL_{name.upper()}"


def test_a_container_gets_every_setting_that_is_not_fixed() -> None:
    in_images = {"EASEL_HOST", "EASEL_PORT", "EASEL_DATA_DIR", "EASEL_WEIGHTS_DIR"}
    only_for_serve = {"EASEL_GRACE_SECONDS"}
    fixed = {name for part in OWN for name in COMPOSE[part]["environment"]}
    known = {setting(name) for name in Settings.model_fields}
    passed_on = {name for name in PASSED_ON if name.startswith("EASEL_")}
    settings = known - in_images - only_for_serve
    assert passed_on | fixed == settings, "add its name to deploy/compose/settings.env"
    assert not PASSED_ON & fixed


def test_the_example_env_file_names_only_variables_that_compose_reads() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    substituted = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text()))
    assert named <= PASSED_ON | substituted
    assert substituted <= named


def test_ports_are_published_on_the_loopback_interface_only() -> None:
    for name, service in {**COMPOSE, **GPU}.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name


@pytest.mark.parametrize("name", COMPOSE)
def test_every_container_has_no_capabilities_and_a_read_only_root(name: str) -> None:
    service = COMPOSE[name]
    assert service["read_only"] is (name != "grafana")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"


def test_valkey_writes_every_command_to_disk_and_evicts_nothing() -> None:
    command = COMPOSE["valkey"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert (options["--appendonly"], options["--appendfsync"]) == ("yes", "always")
    assert options["--maxmemory-policy"] == "noeviction"
    assert COMPOSE["valkey"]["volumes"] == ["valkey:/data"]
    assert COMPOSE["valkey"]["networks"] == ["store"]


def test_a_worker_with_a_gpu_differs_from_the_worker_only_in_the_gpu() -> None:
    base = COMPOSE["worker"]
    shared = {name: value for name, value in base.items() if name not in ("image", "build")}
    devices = []
    for name, worker in GPU.items():
        reserved = worker["deploy"]["resources"]["reservations"]["devices"]
        devices += [number for each in reserved for number in each["device_ids"]]
        assert worker["environment"]["EASEL_DEVICE"] == "cuda"
        if name != "worker":
            mine = {key: value for key, value in worker.items() if key in shared}
            environment = {**shared["environment"], "EASEL_DEVICE": "cuda"}
            assert mine == {**shared, "environment": environment}, name
    assert devices == [str(number) for number in range(8)]


def test_a_profile_for_n_gpus_starts_n_workers() -> None:
    for count in (2, 4, 8):
        more = [each for each in GPU.values() if f"{count}-gpus" in each.get("profiles", ())]
        assert len(more) == count - 1


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_needs_no_root_no_shell_and_no_buildkit(path: Path) -> None:
    text = path.read_text()
    final = text[text.rindex("\nFROM ") :]
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", final, re.MULTILINE)
    assert "\nRUN " not in final
    assert re.search(r'^CMD \["python", ', final, re.MULTILINE)
    assert re.search(r'^HEALTHCHECK .*\\\n +CMD \["python", ', final, re.MULTILINE)
    assert "STOPSIGNAL SIGTERM" in final
    assert "org.opencontainers.image.revision" in final
    assert "--mount" not in text
    assert "<<" not in text


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_the_sources_of_an_image_exist_and_are_not_ignored(path: Path) -> None:
    included = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    sources = re.findall(r"^COPY (?!--)(.+) \S+$", path.read_text(), re.MULTILINE)
    for source in " ".join(sources).split():
        assert (ROOT / source).exists(), source
        assert source in included or source.split("/")[0] in included, source


def test_packages_from_the_index_are_installed_by_hash() -> None:
    for path in DOCKERFILES:
        text = re.sub(r"\\\n", " ", path.read_text())
        for command in re.findall(r"pip (?:install|wheel) [^&\n]*", text):
            assert "--require-hashes" in command or "--no-deps" in command, command
            if "--require-hashes" not in command:
                assert "--offline" in command or "--no-index" in command, command


def test_a_lock_file_without_cuda_keeps_all_other_packages_with_their_hashes() -> None:
    def names(lock: str) -> list[str]:
        return re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)

    less = without_cuda(LOCK)
    unneeded = {name for name in names(LOCK) if re.match("cuda-|nvidia-|triton$", name)} - NEEDED
    assert {"nvidia-cublas", "nvidia-cudnn-cu13", "triton"} <= unneeded
    assert set(names(less)) >= NEEDED
    assert names(less) == [name for name in names(LOCK) if name not in unneeded]
    assert less.count("--hash=") > len(names(less))
    for line in less.splitlines():
        assert line in LOCK
