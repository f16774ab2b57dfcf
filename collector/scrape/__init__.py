"""Pages of targets, read and named."""
