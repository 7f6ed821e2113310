"""What every process needs: Redis clients, logs, traces, periodic threads, the allocator."""
