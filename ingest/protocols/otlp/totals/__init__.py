"""Deltas added up to running totals, by kernels."""
