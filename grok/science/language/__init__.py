"""Sequences of tokens: exact predictors of Markov chains, and what attention heads look at."""
