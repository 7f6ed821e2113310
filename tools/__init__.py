"""What is run by hand while developing."""
