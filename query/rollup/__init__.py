"""Rollups: samples of a window to one value a step."""
