"""Models in files: written and read."""
