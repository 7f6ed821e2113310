"""``python -m api``: the api process under uvicorn."""

from __future__ import annotations

from functools import partial

import uvicorn

from core.keys import any_key_made
from core.settings import Settings

if __name__ == "__main__":
    settings = Settings()
    settings.check_exposure(partial(any_key_made, settings.redis_url))
    uvicorn.run(
        "api.main:build",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_config=None,  # core.logs has the last word
        access_log=False,
        timeout_graceful_shutdown=5,
    )
