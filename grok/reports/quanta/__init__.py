"""Plots of the quantization model."""
