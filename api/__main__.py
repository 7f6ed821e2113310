"""``python -m api``: runs the API under uvicorn."""

from __future__ import annotations

import sys
from functools import partial

from api.connection import Config
from api.main import build
from api.server import Server
from core.runtime.startup import exit_if_settings_are_invalid
from core.settings.model import Settings
from core.store.api_keys import any_key_made


def main() -> None:
    """Run the API until it is stopped."""
    with exit_if_settings_are_invalid():
        settings = Settings()
        settings.check_exposure(partial(any_key_made, settings.redis_url))
        application = build()
    config = Config(
        application,
        application.state.services.settings,
        prefix=settings.root_path,
        host=settings.host,
        port=settings.port,
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    server = Server(config)
    server.run()
    sys.exit(0 if server.started else 3)  # the exit status of uvicorn.run


if __name__ == "__main__":
    main()
