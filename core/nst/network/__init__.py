"""VGG-19: the plain network, its number formats, and where it runs."""
