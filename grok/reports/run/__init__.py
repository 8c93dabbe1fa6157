"""Figure, page, table and plots of a run."""
