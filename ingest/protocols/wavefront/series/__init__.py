"""Names of series, from the lines that were not met before."""
