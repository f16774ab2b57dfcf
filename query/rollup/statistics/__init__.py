"""Sums, extremes, quantiles and regressions of a window."""
