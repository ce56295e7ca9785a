"""Operators' logs and metrics."""
