"""Webhooks in Redis: the deliveries that are pending, and the secrets that sign them."""
