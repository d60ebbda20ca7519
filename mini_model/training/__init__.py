"""Training: one loop for every stage, and checkpoints from which it goes on as if nothing had happened."""
