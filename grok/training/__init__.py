"""The engine: segments, looks, checkpoints, and the LightningModule that holds them."""
