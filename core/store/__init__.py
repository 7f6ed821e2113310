"""What Redis stores: job records, API keys, workers, previews and the webhook outbox."""
