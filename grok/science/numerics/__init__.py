"""Compact number formats: half precision, count sketches and packed bits."""
