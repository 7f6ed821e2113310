"""The web page, its static files, and the API reference."""
