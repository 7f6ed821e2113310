"""One module for each style picture: its ``draw`` takes a random generator."""
