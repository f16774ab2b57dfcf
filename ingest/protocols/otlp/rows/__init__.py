"""Data points as samples: what rows they become and with which values, by kernels."""
