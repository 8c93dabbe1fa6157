"""Plots of reduced landscapes and the LU mechanism."""
