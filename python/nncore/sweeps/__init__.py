"""sweep: trains once for each point of a grid and each seed."""
