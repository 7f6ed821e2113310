"""The way of a posted form to an accepted job. ``submission.submit`` shows it in one piece."""
