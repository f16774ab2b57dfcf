"""State of the objects of a cluster as metrics."""
