"""The Celery application and its transport."""
