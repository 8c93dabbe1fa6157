"""Records: labeled arrays over steps, configuration, provenance, summaries; of runs and of sweeps."""
