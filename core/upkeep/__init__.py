"""Periodic maintenance: lost jobs are requeued, expired files removed."""
