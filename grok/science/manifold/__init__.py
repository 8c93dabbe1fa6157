"""Scaling exponents from the dimension of the data manifold."""
