"""Scorecards: what following a channel would have come to, as a fold over committed records."""
