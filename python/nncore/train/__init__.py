"""Training: the Trainer, its history and checkpoints, callbacks and their records."""
