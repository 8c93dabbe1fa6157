"""Quantities computed from weights and data while training: thin adapters over `grok.science`."""
