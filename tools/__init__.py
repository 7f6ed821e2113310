"""Programs for developers: the wheel, checks of a release and of the Compose files,
vendored libraries, and smaller images.
"""
