"""The papers' mathematics as pure functions on tensors and arrays, without training, logging or configuration."""
