"""Plots of the effective theory of representation learning."""
