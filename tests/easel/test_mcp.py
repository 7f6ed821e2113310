"""The tools of ``easel mcp``, called by an MCP client, with a real API and worker."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import anyio
import pytest
from jsonschema import Draft202012Validator
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image

from core.params import StyleParams
from easel import AsyncClient
from easel.mcp.server import make_server
from tests.easel.test_client import LONG
from tests.examples.conftest import QUICK, Running
from tests.examples.conftest import easel as service
from tests.source import ROOT

__all__ = ["service"]


class Agent:
    """An MCP client, as an agent has one."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.progress: list[float] = []

    async def call(self, name: str, **arguments: object) -> CallToolResult:
        async def note(progress: float, total: float | None, message: str | None) -> None:
            self.progress.append(progress)

        return await self._client.call_tool(name, arguments, progress_callback=note)

    async def state(self, name: str, **arguments: object) -> dict[str, Any]:
        result = await self.call(name, **arguments)
        assert not result.is_error, result.content
        state: dict[str, Any] = result.structured_content
        return state

    async def refusal(self, name: str, **arguments: object) -> str:
        result = await self.call(name, **arguments)
        assert result.is_error
        return "".join(each.text for each in result.content if isinstance(each, TextContent))

    async def until_painting(self, job_id: str) -> None:
        """Wait until a job has made a step."""
        while not (await self.state("wait", job_id=job_id, timeout_seconds=0.2))["fraction"]:
            pass


def _server(service: Running) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-m", "cli", "mcp"],
        env={"EASEL_SERVER": service.url, "EASEL_API_KEY": service.key},
        cwd=ROOT,
    )


def _text(result: CallToolResult) -> str:
    return next(each.text for each in result.content if isinstance(each, TextContent))


def _picture(result: CallToolResult) -> Image.Image:
    [content] = [each for each in result.content if isinstance(each, ImageContent)]
    assert content.mime_type == "image/jpeg"
    return Image.open(BytesIO(b64decode(content.data)))


@pytest.fixture
def web(service: Running) -> Iterator[str]:
    """The address of a site that has the pictures."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(service.content.parent))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_agent_paints_tunes_continues_and_saves_pictures(
    service: Running, tmp_path: Path, web: str
) -> None:
    painted = tmp_path / "painted.png"
    style = "data:image/png;base64," + b64encode(service.style.read_bytes()).decode()
    quick = {name: value for name, value in QUICK.items() if name != "size"}
    long = {**quick, "steps": LONG["steps"]}

    async def converse() -> None:
        async with Client(_server(service)) as client:
            agent = Agent(client)
            pictures: dict[str, object] = {
                "content": str(service.content),
                "style": style,
                "size": 64,
            }

            job = await agent.state("submit", **pictures, strength=0.25, parameters=long)
            assert (job["strength"], job["size"], job["done"]) == (0.25, 64, False)
            await agent.until_painting(job["job_id"])
            assert _picture(await agent.call("preview", job_id=job["job_id"])).size == (64, 48)
            assert "not_finished" in await agent.refusal("result", job_id=job["job_id"])
            tuned = await agent.state("tune", job_id=job["job_id"], changes={"strength": 0.75})
            assert tuned["strength"] == 0.75
            wrong = await agent.refusal("tune", job_id=job["job_id"], changes={"size": 128})
            assert "size" in wrong
            await agent.state("finish", job_id=job["job_id"])
            ended = await agent.state("wait", job_id=job["job_id"])
            assert (ended["status"], ended["done"]) == ("succeeded", True)

            shown = await agent.call("result", job_id=job["job_id"], save_to=str(painted))
            assert str(painted) in _text(shown)
            with Image.open(painted) as saved:
                assert _picture(shown).size == saved.size == (64, 48)
            again = {"job_id": job["job_id"], "save_to": str(painted)}
            assert "overwrite" in await agent.refusal("result", **again)
            other = await agent.refusal("result", job_id=job["job_id"], save_to="painted.webp")
            assert "needs the extension .png" in other
            assert not (await agent.call("result", **again, overwrite=True)).is_error
            in_folder = await agent.call("result", job_id=job["job_id"], save_to=str(tmp_path))
            assert str(tmp_path / f"{job['job_id']}.png") in _text(in_folder)

            larger = await agent.state(
                "continue_job", job_id=job["job_id"], size=96, parameters={"steps": 3}
            )
            agent.progress.clear()
            assert (await agent.state("wait", job_id=larger["job_id"]))["status"] == "succeeded"
            assert agent.progress == sorted(set(agent.progress))
            assert agent.progress[-1] == 1

            pictures["content"] = f"{web}/{service.content.name}"
            pictures["style"] = [style, f"{web}/{service.style.name}"]
            blended = await agent.state(
                "submit", **pictures, parameters={**long, "style_blend": [1, 2]}
            )
            canceled = await agent.state("cancel", job_id=blended["job_id"])
            assert canceled["job_id"] == blended["job_id"]
            assert (await agent.state("wait", job_id=blended["job_id"]))["status"] == "canceled"

    anyio.run(converse)


def test_what_an_agent_can_mend_is_explained(service: Running, web: str) -> None:
    pictures = {"content": str(service.content), "style": str(service.style)}
    cases: list[tuple[dict[str, object], str]] = [
        ({**pictures, "content": "missing.png"}, "there is no file 'missing.png'"),
        ({**pictures, "style": f"{web}/missing.png"}, "404"),
        ({**pictures, "style": "data:image/png,plain"}, "expected data:image/...;base64,"),
        ({**pictures, "style": "data:image/png;base64,*"}, "invalid base64"),
        ({**pictures, "size": 1}, "size: "),
        ({**pictures, "parameters": {"stepz": 1}}, "stepz"),
    ]

    async def converse() -> None:
        async with (
            AsyncClient(service.url, service.key) as api,
            Client(make_server(api)) as client,
        ):
            agent = Agent(client)
            for arguments, expected in cases:
                assert expected in await agent.refusal("submit", **arguments)
            assert "job_not_found" in await agent.refusal("wait", job_id="unknown")

    anyio.run(converse)


def test_every_tool_and_argument_is_described(service: Running) -> None:
    async def converse() -> None:
        async with (
            AsyncClient(service.url, service.key) as api,
            Client(make_server(api)) as client,
        ):
            assert "submit, then wait" in (client.instructions or "")
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert all(tool.description for tool in tools.values())
        for name, tool in tools.items():
            Draft202012Validator.check_schema(tool.input_schema)
            assert "$ref" not in str(tool.input_schema)
            for argument, schema in tool.input_schema["properties"].items():
                described = schema.get("description") or any(
                    each.get("description") for each in schema.get("anyOf", ())
                )
                assert described, f"{name} has no description of {argument}"
        [parameters, _] = tools["submit"].input_schema["properties"]["parameters"]["anyOf"]
        own = {"strength", "size"}
        assert set(parameters["properties"]) | own == set(StyleParams.model_fields)

    anyio.run(converse)


def test_without_the_package_the_command_says_how_to_install_it() -> None:
    blocked = "import sys; sys.modules['mcp'] = None; sys.argv = ['easel', 'mcp']"
    ran = subprocess.run(
        [sys.executable, "-c", f"{blocked}; from cli.main import main; main()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.startswith("easel: mcp")
    assert "pip install 'easel[mcp]'" in ran.stderr
