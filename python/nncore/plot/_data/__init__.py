"""Pictures of data and of what a model makes of them."""
