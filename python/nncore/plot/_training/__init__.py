"""Pictures of training: curves of fits, paths of optimizers, sweeps."""
