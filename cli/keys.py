"""``easel keys``: create, list and revoke API keys."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table

from cli.valkey import EmbeddedValkey, running_url
from core.errors import CannotStart
from core.runtime.redis import connect
from core.settings.model import Settings
from core.store.api_keys import ApiKey, KeyStore

#: How often a call is retried while a server that this command has started comes up.
_RETRIES = 120

_COUNT = click.IntRange(min=1)


@click.group()
def keys() -> None:
    """Manage API keys. Once a key exists, every request needs one."""


@keys.command()
@click.argument("name")
@click.option("--rate", type=_COUNT, help="Requests per minute. [default: the server's limit]")
@click.option("--max-jobs", type=_COUNT, help="Unfinished jobs. [default: the server's limit]")
@click.option(
    "--max-stored-bytes", type=_COUNT, help="Bytes of stored files. [default: the server's limit]"
)
def create(name: str, rate: int | None, max_jobs: int | None, max_stored_bytes: int | None) -> None:
    """Create a key for NAME and print it. It cannot be printed again.

    A key gives access to the jobs of its NAME only. To rotate a key, create a second one for
    the same NAME, hand it over, and revoke the first by its id.
    """
    with _key_store() as store:
        key, text = store.create(name, rate, max_jobs, max_stored_bytes)
    click.echo(f"Key {key.id} for {key.name}. It cannot be printed again:", err=True)
    click.echo(text)


@keys.command("list")
def list_keys() -> None:
    """List all keys. The keys themselves are not stored, only their hashes."""
    with _key_store() as store:
        stored = store.all()
    limits = ("requests per minute", "unfinished jobs", "stored bytes")
    headings = ("id", "name", "created", *limits, "revoked")
    table = Table(*headings, box=None)
    for key in stored:
        table.add_row(*_row(key))
    Console(width=None if Console().is_terminal else 120).print(table)


@keys.command()
@click.argument("key")
def revoke(key: str) -> None:
    """Revoke KEY, given by id or name. Every API process refuses it within a second."""
    with _key_store() as store:
        revoked = store.revoke(key)
    for each in revoked:
        click.echo(f"revoked {each.id} of {each.name}")
    if not revoked:
        click.echo("already revoked", err=True)


def _row(key: ApiKey) -> tuple[str, ...]:
    limits = (key.requests_per_minute, key.max_jobs, key.max_stored_bytes)
    return (
        key.id,
        key.name,
        f"{key.created_at:%Y-%m-%d %H:%M}",
        *("default" if limit is None else str(limit) for limit in limits),
        f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "",
    )


@contextmanager
def _key_store() -> Iterator[KeyStore]:
    """Open the keys of the server at ``EASEL_REDIS_URL``, or else of ``easel serve``.

    If ``easel serve`` is not running, its Valkey server is started for the length of the block.
    """
    settings = Settings()
    if "redis_url" in settings.model_fields_set:
        yield _connect(settings.redis_url)
        return
    try:
        valkey = EmbeddedValkey(settings.data_dir)
    except CannotStart:
        yield _connect(running_url(settings.data_dir))
        return
    program = valkey.program()
    with subprocess.Popen(
        program.command, pass_fds=program.descriptors, umask=program.umask
    ) as server:
        try:
            yield _connect(valkey.url)
        finally:
            server.terminate()  # it writes all data to disk first


def _connect(redis_url: str) -> KeyStore:
    return KeyStore(connect(redis_url, patience=_RETRIES))
