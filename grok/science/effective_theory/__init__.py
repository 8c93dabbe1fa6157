"""The effective theory of representation learning (Liu et al. 2022)."""
