"""What an attempt writes beside the record: checkpoints, previews and the result."""
