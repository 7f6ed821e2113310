"""The HTTP API of Easel. It never imports torch, ``core.nst`` or ``worker``.

From low to high; a module imports only from the rooms before its own, and from ``core``:

- ``metrics``: the Prometheus metrics.
- ``asgi``: middleware for every request (request IDs, security headers, body limit, HEAD).
- ``answers``: responses (the Job as JSON, problem documents, conditional requests).
- ``deps``: the services that handlers depend on.
- ``callers``: authentication, visibility of jobs, rate limits.
- ``live``: reading jobs and waiting for their events without a thread for each client.
- ``intake``: the path of a posted form to an accepted job.
- ``routes`` and ``pages``: the endpoints and the web page.
- ``openapi``: the schema, with the examples of ``examples``.
- ``app``, ``main``, ``server``: the application, its services, and the process.

``webhooks`` is a process of its own, which delivers events. It uses ``answers``.
"""
