"""``easel keys``: who may use the service."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table

from cli.valkey import EmbeddedValkey, running_url
from core.errors import DataDirectoryInUse
from core.runtime.redis import connect
from core.settings.model import Settings
from core.store.api_keys import ApiKey, KeyStore

#: How often the server of a command's own is asked whether it is up.
_PATIENCE = 120

_COUNT = click.IntRange(min=1)


@click.group()
def keys() -> None:
    """API keys. Once there is one, every request needs one."""


@keys.command()
@click.argument("name")
@click.option("--rate", type=_COUNT, help="The most requests a minute. [default: the server's]")
@click.option("--max-jobs", type=_COUNT, help="The most unfinished jobs. [default: the server's]")
def create(name: str, rate: int | None, max_jobs: int | None) -> None:
    """Make a key for NAME, and show it: it cannot be shown again.

    Whoever has a key sees the jobs of its NAME and no others. A second key of the
    same NAME is how to change it: make one, hand it over, revoke the first by its id.
    """
    with _opened() as store:
        key, text = store.create(name, rate, max_jobs)
    click.echo(f"Key {key.id} of {key.name}; it is not shown again:", err=True)
    click.echo(text)


@keys.command("list")
def list_keys() -> None:
    """Show what is known of every key; the keys themselves are not kept."""
    with _opened() as store:
        found = store.all()
    table = Table("id", "name", "made", "requests a minute", "jobs", "revoked", box=None)
    for key in found:
        table.add_row(*_row(key))
    Console(width=None if Console().is_terminal else 120).print(table)


@keys.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Have KEY, an id or a name, refused from now on: within a second, everywhere."""
    with _opened() as store:
        revoked = store.revoke(key)
    for each in revoked:
        click.echo(f"revoked {each.id} of {each.name}")
    if not revoked:
        click.echo("revoked before", err=True)


def _row(key: ApiKey) -> tuple[str, ...]:
    limits = (key.requests_per_minute, key.max_jobs)
    return (
        key.id,
        key.name,
        f"{key.created_at:%Y-%m-%d %H:%M}",
        *("the server's" if limit is None else str(limit) for limit in limits),
        f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "",
    )


@contextmanager
def _opened() -> Iterator[KeyStore]:
    """The keys, wherever they are: on the server of ``EASEL_REDIS_URL``, or of ``easel serve``."""
    settings = Settings()
    if "redis_url" in settings.model_fields_set:
        yield _store(settings.redis_url)
        return
    try:
        valkey = EmbeddedValkey(settings.data_dir)
    except DataDirectoryInUse:
        yield _store(running_url(settings.data_dir))
        return
    program = valkey.program()
    with subprocess.Popen(program.command, pass_fds=program.descriptors) as server:
        try:
            yield _store(valkey.url)
        finally:
            server.terminate()  # it writes everything down first


def _store(redis_url: str) -> KeyStore:
    return KeyStore(connect(redis_url, patience=_PATIENCE))
