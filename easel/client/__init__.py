"""Clients of the HTTP API: ``sync.Client`` and ``asynchronous.AsyncClient``.

``calls`` says what is sent and how responses are read, ``retries`` when a call is repeated. Both
clients do the rest: they wait for the network.
"""
