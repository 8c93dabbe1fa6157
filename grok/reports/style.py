"""Colours and names that figures and pages share."""

from __future__ import annotations

# Okabe & Ito's palette: told apart without seeing red and green, and by their lightness in grey.
TRAIN = "#0072B2"
TEST = "#D55E00"
DASHED = (0, (4, 1.5))  # of what is held out, beside the training curve
NEUTRAL = "#767676"  # reads on white and on dark
LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
# Phases of learning, from light to dark in grey as well.
PHASES = {"comprehension": "#F0E442", "grokking": "#E69F00", "memorization": "#56B4E9", "confusion": "#3B4A59"}
