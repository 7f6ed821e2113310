"""Programs for developers: the test of the Compose files, vendored libraries, smaller images."""
