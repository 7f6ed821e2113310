"""The accepted file formats, and what is particular to each of them."""
