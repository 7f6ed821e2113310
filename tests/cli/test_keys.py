"""``easel keys`` finds the keys wherever the service keeps them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from redis import Redis

from cli.valkey import EmbeddedValkey
from core.runtime.redis import connect
from core.store.api_keys import KeyRing, KeyStore
from tests.acceptance.conftest import PATIENCE_SECONDS


def easel(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", "keys", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )


def test_a_key_is_made_listed_and_revoked(valkey_url: str, redis: Redis) -> None:
    where = {"EASEL_REDIS_URL": valkey_url}
    made = easel("create", "alice", "--rate", "70", "--max-jobs", "4", **where)
    assert made.returncode == 0, made.stderr
    (text,) = made.stdout.splitlines()
    ring = KeyRing(KeyStore(redis))
    ring.refresh()
    key = ring.find(text)
    assert key is not None
    assert (key.name, key.requests_per_minute, key.max_jobs) == ("alice", 70, 4)
    listed = easel("list", **where).stdout
    assert all(word in listed for word in (key.id, "alice", "70", "4"))
    assert text not in listed
    assert "revoked" in easel("revoke", "alice", **where).stdout
    assert KeyStore(redis).all()[0].revoked_at is not None


def test_what_cannot_be_is_one_line_and_no_traceback(valkey_url: str, redis: Redis) -> None:
    where = {"EASEL_REDIS_URL": valkey_url}
    for words, said in ((("create", "a b"), "is no name"), (("revoke", "x"), "no key with")):
        answer = easel(*words, **where)
        assert answer.returncode == 1
        assert said in answer.stderr
        assert "Traceback" not in answer.stderr


def test_without_a_server_of_its_own_the_keys_are_in_the_data_directory(tmp_path: Path) -> None:
    where = {"EASEL_DATA_DIR": str(tmp_path)}
    assert easel("create", "alice", **where).returncode == 0
    listed = easel("list", **where)
    assert listed.returncode == 0, listed.stderr
    assert "alice" in listed.stdout


def test_the_keys_of_a_service_that_runs_are_found(tmp_path: Path) -> None:
    valkey = EmbeddedValkey(tmp_path)
    program = valkey.program()
    with subprocess.Popen(program.command, pass_fds=program.descriptors) as server:
        try:
            made = easel("create", "alice", EASEL_DATA_DIR=str(tmp_path))
            assert made.returncode == 0, made.stderr
            keys = KeyStore(connect(valkey.url, patience=PATIENCE_SECONDS)).all()
        finally:
            server.terminate()
    assert [key.name for key in keys] == ["alice"]


def test_the_api_does_not_start_beyond_loopback_before_there_is_a_key(
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
