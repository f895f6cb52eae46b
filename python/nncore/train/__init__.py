"""Training: the Trainer, its history and checkpoints, callbacks and the records they see."""
