"""What only NVIDIA's GPUs need."""
