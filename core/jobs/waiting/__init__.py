"""Waiting jobs: their order, when they will start, and why they wait."""
