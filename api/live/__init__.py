"""Polls and event streams: one batching reader and one event subscriber per process."""
