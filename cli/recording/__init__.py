"""What ``easel stylize`` keeps of a run besides its result."""
