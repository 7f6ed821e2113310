"""From a multipart form to an accepted job."""
