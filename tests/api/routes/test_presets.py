"""The presets and the version over HTTP."""

from __future__ import annotations

import httpx

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
