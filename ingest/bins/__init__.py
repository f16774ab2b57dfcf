"""Samples that add to what stands at their time: totals of bins, which are a cache of the store."""
