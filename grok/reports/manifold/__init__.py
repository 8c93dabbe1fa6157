"""Plots of scaling with the dimension of the data manifold."""
