"""Training: segments of steps, evaluations, checkpoints, and the LightningModule that holds them."""
