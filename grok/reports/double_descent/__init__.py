"""Plots of double descent."""
