"""Figures of studies, usable for any paper."""
