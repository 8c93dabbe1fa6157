"""Plots of modular arithmetic: progress measures, spectra, rings, maps."""
