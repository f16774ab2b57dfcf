"""Values of fields: numbers, booleans, strings."""
