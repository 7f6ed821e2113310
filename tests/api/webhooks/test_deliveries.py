"""A caller lists its deliveries, sends one again, and rotates its secret."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from redis import Redis
from standardwebhooks import Webhook as Verifier

from api.deps import Services
from core.jobs.admission import Admission
from core.jobs.job import Inputs, Job, Picture
from core.params import StyleParams
from core.store.jobs import JobStore
from core.store.webhooks.outbox import Outbox
from core.store.webhooks.secrets import WebhookSecrets, sign_webhook
from core.webhooks.retries import Attempt, Decision
from core.webhooks.webhook import DeliveryState, Webhook
from tests.api.conftest import serving
from tests.api.problems import assert_problem
from tests.api.webhooks.test_webhooks import replaced

PICTURE = Picture(sha256="0" * 64, media_type="image/png", size_bytes=1)
URL = "https://h.example/"
GIVEN_UP = Attempt(status=500, error="http_status"), Decision(DeliveryState.FAILED)
STOPPED = Attempt(status=410, error="http_status"), Decision(DeliveryState.STOPPED)


@pytest.fixture
def outbox(redis: Redis) -> Outbox:
    return Outbox(redis, timedelta(seconds=15))


def canceled(store: JobStore, owner: str = "anonymous", *, webhook: bool = True) -> Job:
    """Return a job with one delivery, of its cancellation."""
    admission = Admission(caller=owner, owner=owner, max_queue=99, max_jobs_per_caller=99)
    inputs = Inputs(content=PICTURE, styles=(PICTURE,))
    if not webhook:
        return store.cancel(store.create(StyleParams(), inputs, admission).id)
    hook = Webhook(url=URL).model_dump_json()
    return store.cancel(store.create(StyleParams(), inputs, admission, webhook=hook).id)


def end(outbox: Outbox, attempt: Attempt, decision: Decision) -> None:
    """Make one attempt at each delivery that is due."""
    for claim in outbox.claim():
        started = outbox.start(claim, 10)
        assert started is not None
        assert outbox.settle(started, attempt, decision)


def listed(client: httpx.Client, **query: str | int) -> list[str]:
    """Return the ids of all deliveries, page by page."""
    ids: list[str] = []
    while True:
        page = client.get("/webhooks/deliveries", params=query).raise_for_status().json()
        ids += [each["id"] for each in page["items"]]
        if page["next_cursor"] is None:
            return ids
        query["cursor"] = page["next_cursor"]


def test_deliveries_are_listed_newest_first_by_state_and_page(
    client: httpx.Client, store: JobStore, outbox: Outbox
) -> None:
    failed = [canceled(store) for _ in range(3)]
    end(outbox, *GIVEN_UP)
    pending = canceled(store)
    canceled(store, webhook=False)
    canceled(store, owner="ann")
    expected = [f"{job.id}-canceled" for job in (pending, *reversed(failed))]
    assert listed(client) == expected
    assert listed(client, limit=2) == expected
    assert listed(client, state="failed", limit=1) == expected[1:]
    assert listed(client, state="delivered") == []
    (item,) = client.get("/webhooks/deliveries?state=pending").json()["items"]
    assert (item["job_id"], item["url"], item["event"]) == (pending.id, URL, "job.canceled")
    assert_problem(client.get("/webhooks/deliveries?state=lost"), 422, "invalid_request")


@pytest.mark.parametrize("outcome", [GIVEN_UP, STOPPED], ids=["failed", "stopped"])
def test_a_delivery_that_was_given_up_is_sent_again_with_all_attempts(
    client: httpx.Client,
    store: JobStore,
    outbox: Outbox,
    outcome: tuple[Attempt, Decision],
) -> None:
    job = canceled(store)
    end(outbox, *outcome)
    assert outbox.claim() == []
    answer = client.post(f"/webhooks/deliveries/{job.id}-canceled/redeliver")
    assert answer.status_code == 202
    delivery = answer.json()
    assert (delivery["state"], delivery["attempts"]) == ("pending", 0)
    assert (delivery["id"], delivery["job_id"]) == (f"{job.id}-canceled", job.id)
    (claim,) = outbox.claim()
    started = outbox.start(claim, 10)
    assert started is not None
    assert started.attempts == 1


def test_a_delivery_in_progress_is_not_sent_twice(
    client: httpx.Client, store: JobStore, outbox: Outbox
) -> None:
    job = canceled(store)
    (claim,) = outbox.claim()
    started = outbox.start(claim, 10)
    assert started is not None
    answer = client.post(f"/webhooks/deliveries/{job.id}-canceled/redeliver").json()
    assert (answer["state"], answer["attempts"]) == ("pending", 1)
    assert outbox.claim() == []
    assert outbox.settle(started, Attempt(status=200), Decision(DeliveryState.DELIVERED))


def test_only_an_own_delivery_that_exists_is_sent_again(
    client: httpx.Client, store: JobStore
) -> None:
    own, other = canceled(store), canceled(store, owner="ann")
    for delivery, code in (
        (f"{own.id}-succeeded", "delivery_not_found"),
        (f"{own.id}-junk", "delivery_not_found"),
        ("junk", "delivery_not_found"),
        (f"{other.id}-canceled", "job_not_found"),
    ):
        answer = client.post(f"/webhooks/deliveries/{delivery}/redeliver")
        assert_problem(answer, 404, code)


def test_both_secrets_sign_during_the_overlap(
    client: httpx.Client, services: Services, redis: Redis
) -> None:
    secrets = services.webhooks
    old = client.get("/webhooks/secret").json()["secret"]
    answer = client.post("/webhooks/secret/rotate?overlap=3600")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    new = answer.json()["secret"]
    assert client.get("/webhooks/secret").json()["secret"] == new != old
    until = datetime.fromisoformat(answer.json()["previous_valid_until"])
    assert 3500 < (until - datetime.now(UTC)).total_seconds() <= 3600
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": sign_webhook(secrets.of("anonymous"), "1", now, "{}"),
    }
    for secret in (old, new):
        Verifier(secret).verify(b"{}", headers)
    newest = client.post("/webhooks/secret/rotate?overlap=0").json()["secret"]
    assert secrets.of("anonymous") == (newest, old)
    redis.zadd("easel:webhooks:retired-secrets:anonymous", {old: 1})  # as after the overlap
    assert secrets.of("anonymous") == (newest,)


def test_the_ten_previous_secrets_that_sign_longest_are_kept(
    client: httpx.Client, services: Services
) -> None:
    rotated = [client.get("/webhooks/secret").json()["secret"]]
    for overlap in range(60, 80):
        answer = client.post(f"/webhooks/secret/rotate?overlap={overlap}")
        rotated.append(answer.json()["secret"])
    assert services.webhooks.of("anonymous") == tuple(rotated[:-12:-1])


def test_the_first_rotation_of_a_caller_has_no_previous_secret(client: httpx.Client) -> None:
    assert client.post("/webhooks/secret/rotate").json()["previous_valid_until"] is None
    for overlap in (-1, 604_801):
        answer = client.post(f"/webhooks/secret/rotate?overlap={overlap}")
        assert_problem(answer, 422, "invalid_request")


def test_a_secret_of_the_operator_is_not_rotated(services: Services, redis: Redis) -> None:
    configured = WebhookSecrets(redis, "whsec_" + "A" * 32)
    with serving(replaced(services, webhooks=configured)) as client:
        assert_problem(client.post("/webhooks/secret/rotate"), 409, "secret_configured")
