"""``easel keys``: create, list and revoke API keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.table import Table

from cli.valkey import open_redis
from core.store.api_keys import ApiKey, KeyStore

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
@click.option("--high-priority", is_flag=True, help="Permit jobs with priority=high.")
def create(
    name: str,
    rate: int | None,
    max_jobs: int | None,
    max_stored_bytes: int | None,
    high_priority: bool,
) -> None:
    """Create a key for NAME and print it. It cannot be printed again.

    A key gives access to the jobs of its NAME only. To rotate a key, create a second one for
    the same NAME, hand it over, and revoke the first by its id.
    """
    with _key_store() as store:
        limits = (rate, max_jobs, max_stored_bytes)
        key, text = store.create(name, *limits, high_priority=high_priority)
    click.echo(f"Key {key.id} for {key.name}. It cannot be printed again:", err=True)
    click.echo(text)


@keys.command("list")
def list_keys() -> None:
    """List all keys. The keys themselves are not stored, only their hashes."""
    with _key_store() as store:
        stored = store.all()
    limits = ("requests per minute", "unfinished jobs", "stored bytes")
    headings = ("id", "name", "created", *limits, "high priority", "revoked")
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
        "yes" if key.high_priority else "",
        f"{key.revoked_at:%Y-%m-%d %H:%M}" if key.revoked_at else "",
    )


@contextmanager
def _key_store() -> Iterator[KeyStore]:
    with open_redis() as redis:
        yield KeyStore(redis)
