"""The receiver in the documentation accepts what Easel sends, and nothing else."""

from __future__ import annotations

import threading

import httpx
import pytest
import uvicorn
from redis import Redis

from api.webhooks.client import WebhookClient
from core.jobs.job import Inputs, Picture
from core.params import StyleParams
from core.settings.model import Settings
from core.store.jobs import JobStore
from core.store.webhooks.secrets import WebhookSecrets
from core.webhooks.addresses import AddressGuard
from core.webhooks.webhook import Webhook, WebhookEvent
from docs.receiver import receiver

PICTURE = Picture(sha256="0" * 64, media_type="image/png", size_bytes=1)


def test_the_documented_receiver_verifies_and_deduplicates_webhooks(
    redis: Redis, store: JobStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    secrets = WebhookSecrets(redis)
    config = uvicorn.Config(receiver(secrets.of("anonymous")[0]), port=0, log_config=None)
    server, listener = uvicorn.Server(config), config.bind_socket()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/easel"
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert httpx.post(url, json={"type": "job.succeeded"}).status_code == 401
        posted = store.create(
            StyleParams(),
            Inputs(content=PICTURE, styles=(PICTURE,)),
            webhook=Webhook(url=url).model_dump_json(),
        )
        job = store.claim(posted.id)
        assert job is not None
        settings = Settings(webhook_allowed_networks="127.0.0.1")
        client = WebhookClient(
            AddressGuard(settings.webhook_allowed_networks),
            secrets,
            httpx.create_ssl_context(),
            settings.webhook_timeout,
        )
        for _ in range(2):
            assert client.attempt(job, WebhookEvent.STARTED).status == 204
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
    line = f"job.started: job {job.id}, result at /jobs/{job.id}/result"
    assert caplog.messages.count(line) == 1, "the second delivery was not ignored"
