"""Pictures of the inside of a net: weights, activations, gradients, the records of monitors."""
