"""Counters whose samples tell since when they count."""
