"""One training for many settings and seeds."""
