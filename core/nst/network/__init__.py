"""VGG-19, its number formats, and the devices it runs on."""
