"""Graphite's protocols: a line a sample, and pickled lists of samples."""
