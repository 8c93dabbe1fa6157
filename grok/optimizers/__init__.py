"""Optimizers of batched replicas: torch's own for equal hyperparameters, per-replica versions for different ones."""
