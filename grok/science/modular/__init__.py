"""Modular arithmetic: Fourier spectra, circuits, rings and progress measures."""
