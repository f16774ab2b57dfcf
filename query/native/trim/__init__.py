"""The operators that cut histograms off at a value."""
