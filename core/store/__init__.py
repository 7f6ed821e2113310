"""What Redis holds: job records, API keys, workers, previews, the webhook outbox."""
