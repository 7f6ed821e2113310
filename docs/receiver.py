"""A receiver of Easel's webhooks with FastAPI: ``python -m docs.receiver whsec_...``."""

from __future__ import annotations

import logging
import sys

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError


def receiver(secret: str) -> FastAPI:
    """Return an application that receives webhooks at ``POST /easel``.

    Args:
        secret: the secret from ``GET /webhooks/secret`` of the Easel server.
    """
    app = FastAPI()
    webhook = Webhook(secret)
    seen: set[str] = set()  # a real application uses a unique column of its database

    @app.post("/easel", status_code=204)
    async def receive(request: Request) -> None:
        try:
            # Verify the raw body: JSON that was parsed and serialised again has another signature.
            event = webhook.verify(await request.body(), dict(request.headers))
        except WebhookVerificationError as error:
            raise HTTPException(401, str(error)) from error
        if request.headers["webhook-id"] in seen:
            return  # a duplicate: the response to the first delivery was lost
        seen.add(request.headers["webhook-id"])
        job = event["data"]
        logging.info("%s: job %s, result at %s", event["type"], job["id"], job["links"]["result"])

    return app


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    uvicorn.run(receiver(sys.argv[1]), port=9000, log_config=None)
