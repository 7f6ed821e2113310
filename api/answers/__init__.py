"""Responses: the Job as JSON, problem documents, conditional requests."""
