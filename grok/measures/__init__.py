"""Measures: quantities computed from weights and data during training; thin adapters over `grok.science`."""
