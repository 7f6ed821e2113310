"""The MCP server: its tools, and the process that serves them over standard input and output."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, ParamSpec, TypeVar

import anyio
from anyio import to_thread
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from core.errors import EaselError
from easel.client.asynchronous import AsyncClient
from easel.client.jobs import SubmittedJob
from easel.mcp.arguments import (
    Changes,
    Parameters,
    PictureArgument,
    Size,
    Strength,
    StyleArgument,
    read_picture,
)

_INSTRUCTIONS = """
Easel paints a photograph in the style of one or more paintings. A job takes seconds to minutes.
Call submit, then wait until `done` is true, then result. While a job runs, preview shows the
picture so far, tune changes it without beginning anew, and finish keeps the picture so far. Try
with a small size such as 256 first; continue_job then paints the same picture larger.
"""

_P = ParamSpec("_P")
_T = TypeVar("_T")

JobId = Annotated[str, Field(description="The job_id that submit returned.")]


class JobState(BaseModel):
    """What an agent needs to know about a job."""

    job_id: str
    status: str = Field(description="queued, running, succeeded, failed or canceled.")
    done: bool = Field(description="Whether the status is final.")
    fraction: float = Field(description="The share of the work that is done, from 0 to 1.")
    seconds_left: float | None = Field(None, description="An estimate, while it runs.")
    waiting: str | None = Field(None, description="Why it waits, while it is queued.")
    strength: float
    size: int
    format: str = Field(description="The file format of the result.")
    warnings: tuple[str, ...] = ()
    error: str | None = Field(None, description="Why it failed.")

    @classmethod
    def of(cls, job: SubmittedJob) -> JobState:
        """Return the state of a job."""
        return cls(
            job_id=job.id,
            status=job.status,
            done=job.done,
            fraction=job.fraction,
            seconds_left=job.progress.eta_seconds if job.progress and not job.done else None,
            waiting=str(job.waiting["detail"]) if job.waiting else None,
            strength=job.params["strength"],
            size=job.params["size"],
            format=job.params["format"],
            warnings=job.warnings,
            error=job.error.message if job.error else None,
        )


def _explains(tool: Callable[_P, Awaitable[_T]]) -> Callable[_P, Awaitable[_T]]:
    """Let the agent read the message of an error that it can do something about."""

    @wraps(tool)
    async def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            return await tool(*args, **kwargs)
        except (EaselError, OSError) as error:
            raise ToolError(str(error)) from error

    return call


class Tools:
    """The tools. Their docstrings are the descriptions that an agent reads.

    Args:
        client: calls the server of Easel.
    """

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    @_explains
    async def submit(
        self,
        content: PictureArgument,
        style: StyleArgument,
        strength: Strength = None,
        size: Size = None,
        parameters: Parameters | None = None,
    ) -> JobState:
        """Paint a photograph in the style of a painting. Returns at once; then call wait."""
        styles = [style] if isinstance(style, str) else style
        pictures = {
            "content": await read_picture("content", content),
            "style": [await read_picture("style", each) for each in styles],
        }
        return JobState.of(await self._client.post(pictures, _fields(strength, size, parameters)))

    @_explains
    async def continue_job(
        self,
        job_id: Annotated[str, Field(description="A job that has succeeded.")],
        strength: Strength = None,
        size: Size = None,
        parameters: Parameters | None = None,
    ) -> JobState:
        """Begin a new job at the result of an earlier one: larger, or with other parameters.

        The parameters of the earlier job apply where none is given. Then call wait.
        """
        fields = {"continue_from": job_id, **_fields(strength, size, parameters)}
        return JobState.of(await self._client.post({}, fields))

    @_explains
    async def wait(
        self,
        job_id: JobId,
        context: Context,
        timeout_seconds: Annotated[
            float,
            Field(ge=0, le=600, description="How long to wait at most; 0 only reads the state."),
        ] = 45,
    ) -> JobState:
        """Wait until a job is done, and return its state. If it is not done, call wait again."""
        job, reported = await self._client.get(job_id), 0.0
        with anyio.move_on_after(timeout_seconds):
            async with aclosing(self._client.events(job)) as changes:
                async for changed in changes:
                    job = changed
                    if job.fraction > reported:  # the protocol wants it to increase
                        reported = job.fraction
                        await context.report_progress(reported, 1.0, job.status)
        return JobState.of(job)

    @_explains
    async def preview(self, job_id: JobId) -> Image:
        """Look at the picture so far of a running job, at most 512 pixels large."""
        return await self._preview(job_id)

    @_explains
    async def tune(self, job_id: JobId, changes: Changes) -> JobState:
        """Change parameters of a queued or running job. It keeps what it has painted."""
        return JobState.of(await self._client.tune(job_id, **changes))

    @_explains
    async def finish(self, job_id: JobId) -> JobState:
        """End a running job after the current step, and keep its picture as the result."""
        return JobState.of(await self._client.finish(job_id))

    @_explains
    async def cancel(self, job_id: JobId) -> JobState:
        """End a queued or running job without a result."""
        return JobState.of(await self._client.cancel(job_id))

    @_explains
    async def result(
        self,
        job_id: JobId,
        save_to: Annotated[
            str | None,
            Field(description="The file to write on this machine, or the folder to write it to."),
        ] = None,
        overwrite: Annotated[bool, Field(description="Whether the file may exist.")] = False,
    ) -> list[str | Image]:
        """Save the result of a job that has succeeded, and show it, at most 512 pixels large."""
        job = await self._client.get(job_id)
        picture = await self._client.download(job)
        small = await self._preview(job_id)
        if save_to is None:
            return ["Not saved: save_to was not given.", small]
        path = await to_thread.run_sync(_path_of, save_to, job)
        await to_thread.run_sync(_write, path, picture, overwrite)
        return [f"Saved to {path}", small]

    async def _preview(self, job_id: str) -> Image:
        return Image(data=await self._client.preview(job_id), format="jpeg")


def _fields(
    strength: float | None, size: int | None, parameters: Parameters | None
) -> dict[str, object]:
    own = {"strength": strength, "size": size}
    return {**(parameters or {}), **{name: each for name, each in own.items() if each is not None}}


def _path_of(save_to: str, job: SubmittedJob) -> Path:
    """Return the file to write; in a folder it is named after the job."""
    path, kind = Path(save_to).expanduser().absolute(), job.params["format"]
    if path.is_dir():
        return path / f"{job.id}.{kind}"
    if path.suffix.lower().removeprefix(".").replace("jpg", "jpeg") not in (kind, kind[:3]):
        raise ToolError(f"{path.name!r} needs the extension .{kind}: the result is a {kind}")
    return path


def _write(path: Path, data: bytes, overwrite: bool) -> None:
    try:
        with path.open("wb" if overwrite else "xb") as file:
            file.write(data)
    except FileExistsError:
        raise ToolError(f"{path} exists; take another name, or set overwrite") from None


def make_server(client: AsyncClient) -> MCPServer:
    """Return an MCP server with the tools.

    Args:
        client: calls the server of Easel.
    """
    server = MCPServer(
        "easel",
        title="Easel",
        instructions=_INSTRUCTIONS.strip(),
        version=version("easel"),
        log_level="WARNING",
    )
    tools = Tools(client)
    reads = ToolAnnotations(read_only_hint=True)
    creates = ToolAnnotations(destructive_hint=False)
    ends = ToolAnnotations(destructive_hint=True)
    server.add_tool(tools.submit, annotations=creates)
    server.add_tool(tools.continue_job, annotations=creates)
    server.add_tool(tools.wait, annotations=reads)
    server.add_tool(tools.preview, annotations=reads)
    server.add_tool(tools.tune, annotations=creates)
    server.add_tool(tools.finish, annotations=creates)
    server.add_tool(tools.cancel, annotations=ends)
    server.add_tool(tools.result, annotations=creates)
    return server


async def serve(url: str, api_key: str | None) -> None:
    """Serve one agent over standard input and output, until the input ends.

    Args:
        url: the address of the server of Easel.
        api_key: the caller's key.
    """
    async with AsyncClient(url, api_key, patience=10) as client:
        await make_server(client).run_stdio_async()
