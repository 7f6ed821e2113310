"""``easel keys`` finds the keys of the service wherever they are stored."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis

from cli.valkey import EmbeddedValkey
from core.errors import CannotStart
from core.runtime.redis import connect
from core.store.api_keys import KeyRing, KeyStore
from tests.cli.conftest import PATIENCE_SECONDS, easel


def test_a_key_can_be_created_listed_and_revoked(valkey_url: str, redis: Redis) -> None:
    environment = {"EASEL_REDIS_URL": valkey_url}
    limits = ("--rate", "70", "--max-jobs", "4", "--max-stored-bytes", "5000")
    created = easel("keys", "create", "alice", *limits, "--high-priority", **environment)
    assert created.returncode == 0, created.stderr
    (text,) = created.stdout.splitlines()
    ring = KeyRing(KeyStore(redis))
    ring.refresh()
    key = ring.find(text)
    assert key is not None
    assert (key.name, key.requests_per_minute, key.max_jobs) == ("alice", 70, 4)
    assert (key.max_stored_bytes, key.high_priority) == (5000, True)
    table = easel("keys", "list", **environment).stdout
    assert all(word in table for word in (key.id, "alice", "70", "4", "5000"))
    assert text not in table
    assert "revoked" in easel("keys", "revoke", "alice", **environment).stdout
    assert KeyStore(redis).all()[0].revoked_at is not None


@pytest.mark.parametrize("arguments", [("create", "a b"), ("revoke", "x")])
def test_an_error_is_one_message_without_a_traceback(
    valkey_url: str, redis: Redis, arguments: tuple[str, ...]
) -> None:
    refused = easel("keys", *arguments, EASEL_REDIS_URL=valkey_url)
    assert refused.returncode == 1
    assert refused.stderr.startswith("easel: ")
    assert repr(arguments[1]) in refused.stderr
    assert "Traceback" not in refused.stderr


def test_keys_are_kept_in_the_data_directory_while_no_server_runs(tmp_path: Path) -> None:
    environment = {"EASEL_DATA_DIR": str(tmp_path)}
    assert easel("keys", "create", "alice", **environment).returncode == 0
    listed = easel("keys", "list", **environment)
    assert listed.returncode == 0, listed.stderr
    assert "alice" in listed.stdout


def test_only_the_owner_can_read_the_files_of_the_server(tmp_path: Path) -> None:
    old = tmp_path / "data" / "valkey" / "appendonlydir" / "old.aof"
    old.parent.mkdir(parents=True)
    old.touch(mode=0o644)
    created = easel("keys", "create", "alice", EASEL_DATA_DIR=str(tmp_path / "data"))
    assert created.returncode == 0, created.stderr
    modes = {path: path.stat().st_mode & 0o777 for path in (tmp_path / "data").rglob("*")}
    assert len(modes) > 5
    assert {path: mode for path, mode in modes.items() if mode & 0o077} == {}


def test_the_files_of_a_running_server_are_left_alone(tmp_path: Path) -> None:
    EmbeddedValkey(tmp_path)
    # Like a file that the server removes just before its mode is changed.
    (tmp_path / "valkey" / "temp-rewriteaof-7.aof").symlink_to("gone")
    with pytest.raises(CannotStart):
        EmbeddedValkey(tmp_path)


def test_keys_are_added_to_the_running_server_of_the_data_directory(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    program = valkey.program()
    with subprocess.Popen(program.command, pass_fds=program.descriptors) as server:
        try:
            created = easel("keys", "create", "alice", EASEL_DATA_DIR=str(tmp_path))
            assert created.returncode == 0, created.stderr
            keys = KeyStore(connect(valkey.url, patience=PATIENCE_SECONDS)).all()
        finally:
            server.terminate()
    assert [key.name for key in keys] == ["alice"]


def test_the_api_does_not_listen_beyond_loopback_before_a_key_exists(
    valkey_url: str, redis: Redis
) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "api"],
        env={**os.environ, "EASEL_REDIS_URL": valkey_url, "EASEL_HOST": "0.0.0.0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert refused.returncode != 0
    assert "easel keys create NAME" in refused.stderr
