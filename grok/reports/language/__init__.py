"""Figures of networks that predict the next token."""
