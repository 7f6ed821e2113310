"""The path of a posted form to an accepted job; ``submission.submit`` shows all of it."""
