"""Reduced landscapes at constant weight norm and the LU mechanism (Omnigrok, Liu et al. 2023)."""
