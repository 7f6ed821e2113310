"""Rows of large pictures: strips to compute, and bands that are kept."""
