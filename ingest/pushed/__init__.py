"""Groups of metrics that jobs pushed, which stay until they are replaced or deleted."""
