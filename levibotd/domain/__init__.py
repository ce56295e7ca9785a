"""Decisions. Pure: no await, no I/O, no clock."""
