"""The messages of a request, found and read by kernels."""
