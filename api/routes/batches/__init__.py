"""Batches: one request for many jobs."""
