"""Wavefront's line protocol: metrics, delta counters, histograms, events and what is said of sources."""
