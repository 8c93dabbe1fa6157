"""The quantization model of neural scaling (Michaud et al. 2023)."""
