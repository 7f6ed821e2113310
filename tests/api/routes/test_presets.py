"""The presets and the version over HTTP."""

from __future__ import annotations

import httpx
from redis import Redis

from core.jobs.workers import WorkerInfo
from core.pictures.sandbox import Sandbox
from core.settings.model import Settings
from tests.api.conftest import make_services, serving
from tests.api.routes.test_jobs import post


def test_a_preset_lists_the_parameters_that_a_job_gets(client: httpx.Client) -> None:
    offer = client.get("/presets").json()
    assert offer["default"] == "balanced"
    assert [preset["name"] for preset in offer["presets"]] == [
        "fast", "balanced", "fine", "classic", "gatys2015",
    ]  # fmt: skip
    for preset in offer["presets"]:
        assert post(client, preset=preset["name"]).json()["params"] == preset["params"]
    assert offer["limits"]["max_size"] == 1024
    assert offer["parameters"]["size"]["minimum"] == 64
    assert offer["parameters"]["optimizer"]["enum"] == ["adam", "lbfgs"]


def test_the_version_lists_networks_and_workers(client: httpx.Client) -> None:
    from importlib.metadata import version

    answer = client.get("/version").json()
    assert (answer["version"], answer["workers"]) == (version("easel"), 0)
    assert "vgg19-normalized" in answer["networks"]


def test_without_a_setting_the_largest_size_follows_from_the_workers_memory(
    settings: Settings, redis: Redis, sandbox: Sandbox
) -> None:
    free = settings.model_copy(update={"max_size": None})
    services = make_services(free, redis, sandbox)
    with serving(services) as client:
        assert client.get("/presets").json()["limits"]["max_size"] == 2048
        assert "&quot;max_size&quot;: 2048" in client.get("/").text
        small, large = (
            WorkerInfo(id=str(memory), device="cpu", networks=(), memory_total_bytes=memory)
            for memory in (2 * 2**30, 64 * 2**30)
        )
        for worker in (small, large):
            services.workers.announce(worker)
        offered = client.get("/presets").json()["limits"]["max_size"]
        assert 2048 < offered <= 16384
        assert f"&quot;max_size&quot;: {offered}" in client.get("/").text
        # A picture of 3 : 2 has fewer pixels than a square.
        answer = post(client, size=str(offered + 1), validate_only="true")
        assert answer.status_code == 200
