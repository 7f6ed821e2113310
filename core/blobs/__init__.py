"""Binary data, addressed by its SHA-256 and stored in files, Redis or S3."""
