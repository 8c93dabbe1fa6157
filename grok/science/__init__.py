"""Pure functions on tensors and arrays: the mathematics of the papers. Nothing here trains, logs or reads configuration."""
