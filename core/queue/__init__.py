"""The Celery application and its transport for Redis."""
