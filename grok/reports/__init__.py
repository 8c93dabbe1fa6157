"""Figures, pages and tables, made from records alone."""
