"""Exponential histograms made native, by kernels."""
