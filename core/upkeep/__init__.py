"""Periodic maintenance: requeueing lost jobs, and removing expired files and records."""
