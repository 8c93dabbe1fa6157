"""Statistics that all papers share: curves, thresholds, phases, intervals and fits."""
