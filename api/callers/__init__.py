"""Who sends a request, what they may see, and how often they may ask."""
