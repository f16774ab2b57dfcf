"""Data points that were seen before, recognised by kernels."""
