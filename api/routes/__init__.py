"""One module for each resource of docs/api.md."""
