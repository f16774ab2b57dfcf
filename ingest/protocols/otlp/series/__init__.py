"""The label bytes of data points, written by kernels."""
