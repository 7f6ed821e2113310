"""The network's weights: fetched, verified, normalised."""
