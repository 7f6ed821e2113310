"""``easel serve``: run the whole service on one machine, without any other installation."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from functools import partial

import click
from redis.exceptions import RedisError

from cli.supervisor import Program, Supervised
from cli.valkey import EmbeddedValkey
from core.errors import CannotStart, InvalidSetting
from core.params import StyleParams
from core.runtime.logs import configure_logging
from core.runtime.modules import full_name
from core.runtime.redis import connect
from core.settings.model import Settings
from core.settings.values import parse_workers
from core.store.api_keys import any_key_made
from worker.host.device import check_device

_POLL_SECONDS = 0.25

#: Opens URLs without the proxy of the environment, which cannot reach our own address.
_DIRECTLY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def _parse_workers(_: click.Context, __: click.Parameter, text: str | None) -> int | str | None:
    try:
        return None if text is None else parse_workers(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option("--host", help="The address to listen on. [default: EASEL_HOST, or 127.0.0.1]")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="The port to listen on. [default: EASEL_PORT, or 8000]",
)
@click.option(
    "--workers",
    callback=_parse_workers,
    help="How many jobs to run at a time: a number, or auto. [default: EASEL_WORKERS, or 1]",
)
def serve(host: str | None, port: int | None, workers: int | str | None) -> None:
    """Run the API, a worker and, unless EASEL_REDIS_URL is set, a Valkey server."""
    if not hasattr(os, "fork"):
        raise CannotStart(
            "`easel serve` does not run on Windows. Use WSL or Docker there; see README.md."
        )
    options = {"host": host, "port": port, "workers": workers}
    settings = Settings().model_copy(
        update={name: value for name, value in options.items() if value is not None}
    )
    configure_logging(settings.log_level, "serve", settings.log_format)
    _check_address(settings)
    check_device(settings)
    _make_data_dir(settings)
    _fetch_weights(settings)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    running: list[Supervised] = []
    watching: list[asyncio.Task[None]] = []
    starting = asyncio.create_task(_start(settings, running, watching))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not stopping.done():
            await starting
        await stopping
    finally:
        for task in (starting, *watching):
            task.cancel()
        await asyncio.gather(starting, *watching, return_exceptions=True)
        # The first is the Valkey server, if there is one. It stops last, because the others
        # still write to it.
        for group in (running[1:], running[:1]):
            await asyncio.gather(*(supervised.stop() for supervised in group))
        if "redis_url" not in settings.model_fields_set:
            click.echo(f"Easel has stopped. The pictures and jobs are in {settings.data_dir}")


async def _start(
    settings: Settings, running: list[Supervised], watching: list[asyncio.Task[None]]
) -> None:
    environment = _environment(settings)
    if "redis_url" not in settings.model_fields_set:
        try:
            valkey = EmbeddedValkey(settings.data_dir)
        except OSError as error:
            raise _unwritable(error) from error
        environment["EASEL_REDIS_URL"] = valkey.url
        await _run(valkey.program(), running)
        await _until(partial(_is_up, valkey.url))
        watching.append(asyncio.create_task(valkey.watch_disk()))
    redis_url = environment.get("EASEL_REDIS_URL", settings.redis_url)
    settings.check_exposure(partial(any_key_made, redis_url))
    for program in (_api(environment), _worker(environment, settings.grace_seconds)):
        await _run(program, running)
    address = f"http://{_place(settings)}"
    await _until(partial(_is_ready, address))
    click.echo(f"Easel is ready at {address}")
    click.echo(f"Try: {_example(address)}")


async def _until(condition: Callable[[], bool]) -> None:
    while not await asyncio.to_thread(condition):
        await asyncio.sleep(_POLL_SECONDS)


async def _run(program: Program, running: list[Supervised]) -> None:
    supervised = Supervised(program)
    await supervised.start()
    running.append(supervised)


def _environment(settings: Settings) -> dict[str, str]:
    return {
        # The working directory may have an api.py or a core/ of its own.
        "PYTHONSAFEPATH": "1",
        "EASEL_HOST": settings.host,
        "EASEL_PORT": str(settings.port),
        "EASEL_DATA_DIR": str(settings.data_dir),
        "EASEL_WORKERS": str(settings.workers),
    }


def _api(environment: dict[str, str]) -> Program:
    return Program("api", [sys.executable, "-m", full_name("api")], environment)


def _worker(environment: dict[str, str], grace_seconds: float) -> Program:
    command = [sys.executable, "-m", full_name("worker")]
    return Program("worker", command, environment, grace_seconds=grace_seconds)


def _make_data_dir(settings: Settings) -> None:
    if settings.blobs and "redis_url" in settings.model_fields_set:
        return  # nothing is kept there
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> InvalidSetting:
    return InvalidSetting(
        f"EASEL_DATA_DIR: {error.filename} cannot be written: {error.strerror}; "
        "choose another directory"
    )


def _fetch_weights(settings: Settings) -> None:
    """Fetch the weights in another process: this one would keep torch in memory."""
    if (settings.weights_dir / StyleParams().network.filename).exists():
        return  # saves the seconds that importing torch takes
    environment = {
        **os.environ,
        **_environment(settings),
        "EASEL_WEIGHTS_DIR": str(settings.weights_dir),
    }
    command = [sys.executable, "-m", full_name("cli"), "weights", "fetch"]
    fetched = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
    if fetched.returncode != 0:
        raise SystemExit(fetched.returncode)  # it has printed the error


def _check_address(settings: Settings) -> None:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {_place(settings)}: {error.strerror}; "
            "choose another port with PORT=... or --port"
        ) from error


def _place(settings: Settings) -> str:
    """Return host and port as a URL has them."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{host}:{settings.port}"


def _is_up(redis_url: str) -> bool:
    try:
        return bool(connect(redis_url, patience=0).ping())
    except RedisError:
        return False


def _is_ready(address: str) -> bool:
    try:
        with _DIRECTLY.open(f"{address}/readyz", timeout=5):
            return True
    except OSError:
        return False


def _example(address: str) -> str:
    return (
        "curl -F content=@samples/photos/cat.jpg -F style=@samples/styles/embers.jpg "
        f"-F size=256 {address}/jobs"
    )
