"""Transforms, one file each: what an optimizer does to gradients before its step, or to parameters after it."""
