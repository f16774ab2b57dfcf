"""One attribute as a label, written by kernels."""
