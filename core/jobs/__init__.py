"""The job record, its legal transitions, and the decisions about it. Pure: no Redis."""
