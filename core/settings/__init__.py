"""Settings, read from environment variables that begin with ``EASEL_``."""
