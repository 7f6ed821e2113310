"""Provenance: how a result was made, which its file carries."""
