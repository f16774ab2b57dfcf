"""`anchored` and `smoothed`: windows that know the samples just beyond their edges."""
