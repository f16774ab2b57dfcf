"""Functions of classic histograms: a series a bucket, told apart by `le`."""
