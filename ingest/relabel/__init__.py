"""Prometheus's relabelling: rules that rewrite the labels of a series, or drop it."""
