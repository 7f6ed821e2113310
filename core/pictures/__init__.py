"""Picture files: decoding, encoding, masks, and the sandbox that decodes untrusted files."""
