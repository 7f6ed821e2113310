"""What the files for Docker promise, as far as it shows without a Docker engine.

``make compose-test`` builds and runs them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.settings.model import Settings
from tools.cpu_only import PACKAGES, without_cuda

ROOT = Path(__file__).parent.parent.parent
DOCKERFILES = [ROOT / "Dockerfile.api", ROOT / "Dockerfile.worker"]
OWN = ("api", "worker")
LOCK = (ROOT / "requirements" / "worker.txt").read_text()


def load(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / name).read_text()))


COMPOSE = load("docker-compose.yml")["services"]
GPU = load("docker-compose.gpu.yml")["services"]
HANDED_ON = {
    line
    for line in (ROOT / "deploy/compose/settings.env").read_text().splitlines()
    if not line.startswith("#")
}


def setting(name: str) -> str:
    return f"EASEL_{name.upper()}"


def test_a_container_is_handed_every_setting_that_is_not_fixed() -> None:
    in_images = {"EASEL_HOST", "EASEL_PORT", "EASEL_DATA_DIR", "EASEL_WEIGHTS_DIR"}
    only_for_serve = {"EASEL_GRACE_SECONDS"}
    fixed = {name for part in OWN for name in COMPOSE[part]["environment"]}
    known = {setting(name) for name in Settings.model_fields}
    handed_on = {name for name in HANDED_ON if name.startswith("EASEL_")}
    settings = known - in_images - only_for_serve
    assert handed_on | fixed == settings, "write its name into deploy/compose/settings.env"
    assert not HANDED_ON & fixed


def test_the_example_of_an_env_file_names_only_what_is_read() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    files = "".join((ROOT / name).read_text() for name in ("docker-compose.yml",))
    assert named <= HANDED_ON | set(re.findall(r"\$\{([A-Z_]+)", files))
    assert set(re.findall(r"\$\{([A-Z_]+)", files)) <= named


def test_nothing_is_published_beyond_this_machine() -> None:
    for name, service in {**COMPOSE, **GPU}.items():
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), name


@pytest.mark.parametrize("name", COMPOSE)
def test_every_container_is_held_tight(name: str) -> None:
    service = COMPOSE[name]
    assert service["read_only"] is (name != "grafana")
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"


def test_valkey_writes_everything_down_and_evicts_nothing() -> None:
    command = COMPOSE["valkey"]["command"]
    given = dict(zip(command[1::2], command[2::2], strict=True))
    assert (given["--appendonly"], given["--appendfsync"]) == ("yes", "always")
    assert given["--maxmemory-policy"] == "noeviction"
    assert COMPOSE["valkey"]["volumes"] == ["valkey:/data"]
    assert COMPOSE["valkey"]["networks"] == ["store"]


def test_every_worker_with_a_gpu_is_the_worker_but_for_its_gpu() -> None:
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
def test_an_image_needs_neither_root_nor_a_shell_nor_buildkit(path: Path) -> None:
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
def test_what_an_image_is_made_of_is_there_and_let_in(path: Path) -> None:
    let_in = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    }
    sources = re.findall(r"^COPY (?!--)(.+) \S+$", path.read_text(), re.MULTILINE)
    for source in " ".join(sources).split():
        assert (ROOT / source).exists(), source
        assert source in let_in or source.split("/")[0] in let_in, source


def test_only_packages_with_a_hash_are_installed_from_the_index() -> None:
    for path in DOCKERFILES:
        text = re.sub(r"\\\n", " ", path.read_text())
        for command in re.findall(r"pip (?:install|wheel) [^&\n]*", text):
            assert "--require-hashes" in command or "--no-deps" in command, command
            if "--require-hashes" not in command:
                assert "--offline" in command or "--no-index" in command, command


def test_a_lock_without_cuda_has_all_else_with_its_hashes() -> None:
    def names(lock: str) -> list[str]:
        return re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)

    less = without_cuda(LOCK)
    assert set(names(LOCK)) >= PACKAGES
    assert names(less) == [name for name in names(LOCK) if name not in PACKAGES]
    assert less.count("--hash=") > len(names(less))
    for line in less.splitlines():
        assert line in LOCK
