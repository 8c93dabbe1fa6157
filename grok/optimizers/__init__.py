"""Optimisers for replicas side by side: torch's own where the rates agree, per-replica rates where they differ."""
