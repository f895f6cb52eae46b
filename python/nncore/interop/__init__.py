"""Models in the forms of other programs, and models from them."""
