"""Closed segments on their way to the object store, and back. Each step is written down, and may be the last."""
