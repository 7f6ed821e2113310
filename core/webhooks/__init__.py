"""Webhooks: the subscription, its deliveries, allowed addresses and retries."""
