"""Sequences of tokens: Markov chains, attention heads, abrupt falls, and how single tokens of text are learned."""
