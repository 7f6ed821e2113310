"""The job record, its legal transitions, and decisions about jobs. Pure: no Redis."""
