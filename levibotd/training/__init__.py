"""Offline machine learning, run in a child process."""
