"""Webhooks: the URL and events of a job, its deliveries, permitted addresses and retries."""
