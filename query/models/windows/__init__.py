"""Models of a window of samples."""
