"""What a worker takes of its host: cores, memory, and how many jobs run at a time."""
