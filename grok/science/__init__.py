"""The mathematics of the papers as pure functions on tensors and arrays; nothing here trains, logs or configures."""
