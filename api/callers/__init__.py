"""Callers: authentication, which jobs they may see, and rate limits."""
