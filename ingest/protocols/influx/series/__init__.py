"""From a line's measurement, tags and field to a series."""
