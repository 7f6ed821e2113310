"""Files that attackers send, made anew by every run."""
