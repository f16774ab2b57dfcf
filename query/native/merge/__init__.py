"""Sums of native histograms of any layout."""
