"""Dashboards in W&B, made from code."""
