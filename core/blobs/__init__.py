"""Stored bytes, addressed by their SHA-256, in files, Redis or S3."""
