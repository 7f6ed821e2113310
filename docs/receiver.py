"""A receiver of Easel's webhooks: ``python -m docs.receiver whsec_...``, with FastAPI."""

from __future__ import annotations

import logging
import sys

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError


def receiver(secret: str) -> FastAPI:
    """An application that takes webhooks at ``POST /easel``.

    Args:
        secret: what ``GET /webhooks/secret`` of the Easel server says.
    """
    app = FastAPI()
    webhook = Webhook(secret)
    seen: set[str] = set()  # in a real application: a unique column of its database

    @app.post("/easel", status_code=204)
    async def take(request: Request) -> None:
        try:
            # The body as it came: a JSON that was read and written again has another signature.
            event = webhook.verify(await request.body(), dict(request.headers))
        except WebhookVerificationError as error:
            raise HTTPException(401, str(error)) from error
        if request.headers["webhook-id"] in seen:
            return  # told twice: the first answer was lost on its way
        seen.add(request.headers["webhook-id"])
        job = event["data"]
        logging.info("%s: job %s, result at %s", event["type"], job["id"], job["links"]["result"])

    return app


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    uvicorn.run(receiver(sys.argv[1]), port=9000, log_config=None)
