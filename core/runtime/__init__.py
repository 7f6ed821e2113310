"""The basis of every process: Redis clients, logs, traces, periodic threads, the allocator."""
